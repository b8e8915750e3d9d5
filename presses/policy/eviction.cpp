#include "presses/policy/eviction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>

#include "common/errors.h"
#include "common/run/method_parameters.h"

namespace kvcompare {
namespace {

at::Tensor descending(const at::Tensor& values) {
  return std::get<1>(at::sort(values, /*stable=*/true, /*dim=*/0, /*descending=*/true));
}

// First positions rank highest, then the latest ones, the later the higher, then scores. Two stable sorts,
// the second by what counts more.
at::Tensor best(const EvictionRule& rule, std::int64_t n, const at::Tensor& positions,
                const at::Tensor& scores, std::int64_t budget) {
  const auto is_first = positions.lt(rule.n_first), is_last = positions.ge(first_protected(rule, n));
  auto order = descending(at::where(is_last, positions.to(scores.scalar_type()), scores));
  const auto classes = is_first.to(at::kInt) * 2 + is_last.to(at::kInt);
  order = order.index_select(0, descending(classes.index_select(0, order)));
  return std::get<0>(order.narrow(0, 0, budget).sort());
}

// Several minima side by side: one alone would wait for itself at every score.
double lowest_of(std::span<const double> scores) {
  std::array<double, 8> lowest;
  lowest.fill(std::numeric_limits<double>::infinity());
  std::size_t i = 0;
  for (; i + lowest.size() <= scores.size(); i += lowest.size())
    for (std::size_t lane = 0; lane < lowest.size(); ++lane)
      lowest[lane] = scores[i + lane] < lowest[lane] ? scores[i + lane] : lowest[lane];
  for (; i < scores.size(); ++i) lowest[0] = std::min(lowest[0], scores[i]);
  return *std::ranges::min_element(lowest);
}

// The first positions stay. Of the others those with the lowest scores go, on a tie the later; then, of the
// latest positions, the earlier ones. Ascending indices of `n_over` keys.
std::vector<std::int32_t> worst(const EvictionRule& rule, std::int64_t n,
                                std::span<const std::int32_t> positions, std::span<const double> scores,
                                std::int64_t n_over) {
  const auto index_of = [&](std::int64_t position) {
    return std::ranges::lower_bound(positions, position) - positions.begin();
  };
  const auto begin = index_of(rule.n_first);
  const auto end = std::max(begin, index_of(first_protected(rule, n)));
  if (n_over == 1 && begin < end) {
    const auto ranked =
        scores.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    const auto behind = std::find(ranked.rbegin(), ranked.rend(), lowest_of(ranked));
    return {static_cast<std::int32_t>(begin + (ranked.rend() - behind - 1))};
  }
  const auto n_ranked = std::min(n_over, end - begin);
  std::vector<std::int32_t> indices(static_cast<std::size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(begin));
  const auto goes_first = [&](std::int32_t a, std::int32_t b) {
    const auto score_a = scores[static_cast<std::size_t>(a)], score_b = scores[static_cast<std::size_t>(b)];
    return score_a < score_b || (score_a == score_b && a > b);
  };
  std::ranges::nth_element(indices, indices.begin() + n_ranked, goes_first);
  indices.resize(static_cast<std::size_t>(n_ranked));
  std::ranges::sort(indices);
  for (auto i = end; std::ssize(indices) < n_over; ++i) indices.push_back(static_cast<std::int32_t>(i));
  return indices;
}

// PyramidKV, arXiv 2406.02069: from the lowest layer to the highest the budget falls linearly. mean: of all
// layers.
std::int64_t pyramid_budget(const EvictionRule& rule, std::int64_t n, double mean) {
  const auto uniform = static_cast<std::int64_t>(mean);
  if (rule.n_layers <= 1) return uniform;
  auto least = mean / rule.shares.pyramid_beta;
  auto most = 2 * mean - least;
  if (most >= static_cast<double>(n - rule.window)) {
    most = static_cast<double>(n - rule.window);
    least = 2 * mean - most;
  }
  if (most > static_cast<double>(n) || least > most || least < static_cast<double>(rule.window))
    return uniform;
  const auto fall = static_cast<double>(rule.layer) * (most - least) / static_cast<double>(rule.n_layers - 1);
  return static_cast<std::int64_t>(std::floor(most - fall + 0.5));
}

void check_scores(std::span<const double> scores) {
  std::int64_t n_nan = 0;  // no early end, so that vectors of scores are looked at
  for (const auto score : scores) n_nan += score != score ? 1 : 0;
  if (n_nan > 0) throw std::domain_error("a score is NaN");
}

// A key as the heads of a layer rank it together.
struct SharedKey {
  bool is_protected;  // one of the latest; of these the later rank higher, of the others those by score
  double score;
  std::int32_t position;
  std::int32_t head;

  bool goes_before(const SharedKey& other) const {
    if (is_protected != other.is_protected) return !is_protected;
    if (is_protected) return std::pair(position, -head) < std::pair(other.position, -other.head);
    return std::tuple(score, -position, -head) < std::tuple(other.score, -other.position, -other.head);
  }
};

// Gives the keys of one head that are no first positions, the one that goes first at first. Few are wanted as
// a rule, often one: each is searched for. Of many, all that may be wanted are put in order at once.
class KeysInOrder {
 public:
  //   most : how many may be wanted
  KeysInOrder(const RankedKeys& keys, std::int32_t head, std::int64_t n_first, std::int64_t first_protected,
              std::int64_t most)
      : keys_(keys), head_(head), n_left_(most) {
    const auto index_of = [&](std::int64_t position) {
      return std::ranges::lower_bound(keys.positions, position) - keys.positions.begin();
    };
    begin_ = index_of(n_first);
    end_ = next_protected_ = std::max(begin_, index_of(first_protected));
    constexpr std::int64_t kFew = 16;
    if (most > kFew) sort(most);
    advance();
  }

  // Of the next key; null if none may go.
  const SharedKey* next() const { return n_left_ > 0 && next_ ? &*next_ : nullptr; }
  std::int32_t next_index() const { return index_; }
  void take() {
    --n_left_;
    if (n_left_ > 0) advance();
  }

 private:
  double score(std::int64_t i) const { return keys_.scores[static_cast<std::size_t>(i)]; }
  std::int32_t position(std::int64_t i) const { return keys_.positions[static_cast<std::size_t>(i)]; }

  // By score, the lower first; of equals the later.
  bool goes_first(std::int64_t a, std::int64_t b) const {
    return score(a) < score(b) || (score(a) == score(b) && a > b);
  }

  void sort(std::int64_t most) {
    is_sorted_ = true;
    order_.resize(static_cast<std::size_t>(end_ - begin_));
    std::iota(order_.begin(), order_.end(), static_cast<std::int32_t>(begin_));
    const auto n = std::min(most, std::ssize(order_));
    std::ranges::partial_sort(order_, order_.begin() + n,
                              [&](std::int32_t a, std::int32_t b) { return goes_first(a, b); });
    order_.resize(static_cast<std::size_t>(n));
  }

  void advance() {
    const auto i = is_sorted_ ? next_in_order() : next_by_search();
    if (i >= 0) {
      index_ = static_cast<std::int32_t>(i);
      next_ = SharedKey{false, score(i), position(i), head_};
    } else if (next_protected_ < std::ssize(keys_.positions)) {
      index_ = static_cast<std::int32_t>(next_protected_++);
      next_ = SharedKey{true, 0, position(index_), head_};
    } else {
      next_.reset();
    }
  }

  // -1 if there is no more.
  std::int64_t next_in_order() { return n_taken_ < order_.size() ? order_[n_taken_++] : -1; }
  std::int64_t next_by_search() {
    std::int64_t best = -1;
    for (auto i = begin_; i < end_; ++i)
      if ((last_ < 0 || goes_first(last_, i)) && (best < 0 || goes_first(i, best))) best = i;
    if (best >= 0) last_ = best;
    return best;
  }

  const RankedKeys keys_;
  const std::int32_t head_;
  std::int64_t n_left_;
  std::int64_t begin_ = 0, end_ = 0;  // those that are ranked by score
  std::int64_t next_protected_ = 0;
  bool is_sorted_ = false;
  std::vector<std::int32_t> order_;
  std::size_t n_taken_ = 0;  // of order_
  std::int64_t last_ = -1;   // the last that was found
  std::optional<SharedKey> next_;
  std::int32_t index_ = 0;
};

// Of all heads those go first that are worst in the rank of all, but of no head one of its safe keys.
std::vector<std::vector<std::int32_t>> worst_of_layer(const EvictionRule& rule, std::int64_t n,
                                                      std::span<const RankedKeys> heads,
                                                      std::int64_t n_over) {
  const auto n_safe = n_safe_keys(rule, n);
  std::vector<KeysInOrder> next;
  next.reserve(heads.size());
  for (const auto& head : heads)
    next.emplace_back(head, static_cast<std::int32_t>(next.size()), rule.n_first, first_protected(rule, n),
                      std::clamp<std::int64_t>(std::ssize(head.positions) - n_safe, 0, n_over));
  std::vector<std::vector<std::int32_t>> indices(heads.size());
  for (; n_over > 0; --n_over) {
    KeysInOrder* first = nullptr;
    for (auto& head : next)
      if (head.next() && (!first || head.next()->goes_before(*first->next()))) first = &head;
    require(first != nullptr, "safe keys and first positions fit into the budget");
    indices[static_cast<std::size_t>(first->next()->head)].push_back(first->next_index());
    first->take();
  }
  for (auto& of_head : indices) std::ranges::sort(of_head);
  return indices;
}

}  // namespace

EvictionRule rule_of(const MethodSpec& method, const Chunking& chunking) {
  return {.policy = method.policy,
          .n_first = std::max({sinks_of(method), method.protection.first, chunking.events_from}),
          .n_last = method.protection.last,
          .n_uncounted = chunking.n_uncounted,
          .shares = method.shares};
}

Judged judged(const EvictionRule& rule, const Event& event) {
  const auto window = std::max(std::get<ScoreThreshold>(rule.policy).sliding_window_size, rule.n_last);
  return {std::max({std::int64_t{0}, rule.n_first, event.n_previous - window}), event.n - window};
}

std::int64_t budget(const EvictionRule& rule, std::int64_t n) {
  require(has_budget(rule.policy), "a policy with a budget");
  const auto counted = n - rule.n_uncounted;
  const auto* ratio = std::get_if<RatioBudget>(&rule.policy);
  const auto mean =
      static_cast<double>(rule.n_uncounted) +
      (ratio ? static_cast<double>(counted) * (1 - ratio->compression_ratio)
             : static_cast<double>(std::min(counted, std::get<SizeBudget>(rule.policy).cache_size)));
  const auto share = rule.shares.layers == LayerBudgets::kPyramid ? pyramid_budget(rule, n, mean)
                                                                  : static_cast<std::int64_t>(mean);
  return std::max({std::int64_t{1}, std::min(n, rule.n_first), share});
}

std::int64_t first_protected(const EvictionRule& rule, std::int64_t n) {
  const auto of_rule = n - rule.n_last;
  return rule.protected_from ? std::min(of_rule, rule.protected_from(n, budget(rule, n))) : of_rule;
}

bool shares_heads(const EvictionRule& rule) {
  return has_budget(rule.policy) && rule.shares.heads == HeadBudgets::kAdaptive;
}

std::int64_t n_safe_keys(const EvictionRule& rule, std::int64_t n) {
  return static_cast<std::int64_t>(rule.shares.alpha_safeguard * static_cast<double>(budget(rule, n)));
}

bool may_evict(const EvictionRule& rule, const Event& event, std::int64_t n_alive, std::int64_t n_heads) {
  if (has_budget(rule.policy)) return n_alive > n_heads * budget(rule, event.n);
  if (!std::holds_alternative<ScoreThreshold>(rule.policy)) return false;
  const auto [begin, end] = judged(rule, event);
  return begin < end;
}

at::Tensor survivors(const EvictionRule& rule, const Event& event, const at::Tensor& positions,
                     const at::Tensor& scores) {
  if (scores.isnan().any().item<bool>()) throw std::domain_error("a score is NaN");
  if (has_budget(rule.policy))
    return best(rule, event.n, positions, scores, std::min(budget(rule, event.n), positions.size(0)));
  if (const auto* threshold = std::get_if<ScoreThreshold>(&rule.policy)) {
    const auto [begin, end] = judged(rule, event);
    const auto too_low = positions.ge(begin) & positions.lt(end) & scores.lt(threshold->threshold);
    return too_low.logical_not().nonzero().squeeze(1);
  }
  return at::arange(positions.size(0), positions.options());
}

std::vector<std::int32_t> evicted(const EvictionRule& rule, const Event& event,
                                  std::span<const std::int32_t> positions, std::span<const double> scores) {
  check_scores(scores);
  if (has_budget(rule.policy)) {
    const auto n_over = std::ssize(positions) - budget(rule, event.n);
    return worst(rule, event.n, positions, scores, std::max<std::int64_t>(0, n_over));
  }
  std::vector<std::int32_t> indices;
  if (const auto* threshold = std::get_if<ScoreThreshold>(&rule.policy)) {
    const auto [begin, end] = judged(rule, event);
    auto i = std::ranges::lower_bound(positions, begin) - positions.begin();
    for (; i < std::ssize(positions) && positions[static_cast<std::size_t>(i)] < end; ++i)
      if (scores[static_cast<std::size_t>(i)] < threshold->threshold)
        indices.push_back(static_cast<std::int32_t>(i));
  }
  return indices;
}

std::vector<std::vector<std::int32_t>> evicted_of_layer(const EvictionRule& rule, const Event& event,
                                                        std::span<const RankedKeys> heads) {
  std::vector<std::vector<std::int32_t>> indices;
  if (!shares_heads(rule)) {
    for (const auto& head : heads) indices.push_back(evicted(rule, event, head.positions, head.scores));
    return indices;
  }
  std::int64_t n_alive = 0;
  for (const auto& head : heads) {
    check_scores(head.scores);
    n_alive += std::ssize(head.positions);
  }
  const auto n_over = n_alive - std::ssize(heads) * budget(rule, event.n);
  return worst_of_layer(rule, event.n, heads, std::max<std::int64_t>(0, n_over));
}

// By the text of docs/semantics.md, section 2: each head's rank, of which the first are safe, then one rank
// of all.
std::vector<std::vector<std::int64_t>> survivors_of_layer(const EvictionRule& rule, const Event& event,
                                                          std::span<const RankedKeys> heads) {
  // is it not safe, class, what counts within the class, head and index
  using Place = std::tuple<bool, int, double, std::int32_t, std::size_t, std::int64_t>;
  const auto from = first_protected(rule, event.n), n_safe = n_safe_keys(rule, event.n);
  std::vector<Place> all;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    check_scores(heads[h].scores);
    std::vector<Place> own;
    for (std::int64_t i = 0; i < std::ssize(heads[h].positions); ++i) {
      const auto j = heads[h].positions[static_cast<std::size_t>(i)];
      if (j < rule.n_first)
        own.emplace_back(false, 0, 0.0, j, h, i);
      else if (j >= from)
        own.emplace_back(false, 1, 0.0, -j, h, i);
      else
        own.emplace_back(false, 2, -heads[h].scores[static_cast<std::size_t>(i)], j, h, i);
    }
    std::ranges::sort(own);
    for (auto i = n_safe; i < std::ssize(own); ++i) std::get<0>(own[static_cast<std::size_t>(i)]) = true;
    all.insert(all.end(), own.begin(), own.end());
  }
  std::ranges::sort(all);
  const auto n_kept = std::min(std::ssize(all), std::ssize(heads) * budget(rule, event.n));
  std::vector<std::vector<std::int64_t>> kept(heads.size());
  for (const auto& place : std::span(all).first(static_cast<std::size_t>(n_kept)))
    kept[std::get<4>(place)].push_back(std::get<5>(place));
  for (auto& of_head : kept) std::ranges::sort(of_head);
  return kept;
}

}  // namespace kvcompare
