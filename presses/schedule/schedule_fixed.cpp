#include "presses/schedule/schedule_fixed.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <variant>
#include <vector>

#include "common/errors.h"

namespace kvcompare {
namespace {

struct Candidate {
  double score;
  std::int32_t position;
};

// Orders keys by when they are evicted: the later a key, the smaller. The top of a heap in this order is the
// key to evict next.
struct OutlivesIt {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.score > b.score || (a.score == b.score && a.position < b.position);
  }
};

// The alive keys of one KV head, in the order in which they go.
class HeadInOrder {
 public:
  HeadInOrder(const FixedHead& head, std::int64_t n_first)
      : scores_(head.scores), deaths_(head.deaths), next_(n_first) {
    heap_.reserve(scores_.size());
  }

  // The keys of the tokens [begin, end) are alive; those before `ranked` are ranked by their scores.
  void enter(std::int64_t begin, std::int64_t end, std::int64_t ranked) {
    n_ = end;
    n_alive_ += end - begin;
    for (auto j = begin; j < end; ++j) has_nan_ |= std::isnan(scores_[static_cast<std::size_t>(j)]);
    for (; next_ < ranked; ++next_) {
      heap_.push_back({scores_[static_cast<std::size_t>(next_)], static_cast<std::int32_t>(next_)});
      std::push_heap(heap_.begin(), heap_.end(), OutlivesIt{});
    }
  }

  std::int64_t n_alive() const { return n_alive_; }
  bool has_nan() const { return has_nan_; }
  // Of those beyond the first positions.
  bool is_empty() const { return heap_.empty() && next_ >= n_; }
  // The key that goes next; absent where nothing is left that is ranked by its score.
  const Candidate* next() const { return heap_.empty() ? nullptr : &heap_.front(); }
  std::int64_t next_protected() const { return next_; }

  // Where nothing is left that is ranked by its score, the earliest of the latest positions.
  void evict(DeathTime e) {
    --n_alive_;
    if (heap_.empty()) {
      deaths_[static_cast<std::size_t>(next_++)] = e;
      return;
    }
    std::pop_heap(heap_.begin(), heap_.end(), OutlivesIt{});
    deaths_[static_cast<std::size_t>(heap_.back().position)] = e;
    heap_.pop_back();
  }

 private:
  const std::span<const double> scores_;
  const std::span<DeathTime> deaths_;
  std::vector<Candidate> heap_;  // of the alive keys beyond the first positions that are before next_
  std::int64_t next_;            // from here on keys are protected: they are among the latest
  std::int64_t n_ = 0;
  std::int64_t n_alive_ = 0;
  bool has_nan_ = false;
};

// Whether the next key of a goes before that of b, where a stands for a lower head.
bool goes_before(const HeadInOrder& a, const HeadInOrder& b) {
  const auto* of_a = a.next();
  const auto* of_b = b.next();
  if (of_a && of_b)
    return of_a->score < of_b->score || (of_a->score == of_b->score && of_a->position > of_b->position);
  if (of_a || of_b) return of_a != nullptr;
  return a.next_protected() < b.next_protected();
}

// Evicts n_over keys of heads that share their budgets, and of no head one of its n_safe best. On a tie the
// higher head's goes.
void evict_worst(std::vector<HeadInOrder>& heads, std::int64_t n_safe, std::int64_t n_over, DeathTime e) {
  for (; n_over > 0; --n_over) {
    HeadInOrder* first = nullptr;
    for (auto& head : heads)
      if (head.n_alive() > n_safe && !head.is_empty() && (!first || !goes_before(*first, head)))
        first = &head;
    require(first != nullptr, "safe keys and first positions fit into the budget");
    first->evict(e);
  }
}

// heads: one, or all of a layer that share their budgets
void schedule_budget(const EvictionRule& rule, const Chunking& chunking, std::span<const FixedHead> given) {
  std::vector<HeadInOrder> heads;
  heads.reserve(given.size());
  for (const auto& head : given) heads.emplace_back(head, rule.n_first);
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto event = chunking.event(e);
    std::int64_t n_over = -std::ssize(heads) * budget(rule, event.n);
    for (auto& head : heads) {
      head.enter(event.n_previous, event.n, first_protected(rule, event.n));
      n_over += head.n_alive();
    }
    if (n_over <= 0) continue;
    for (const auto& head : heads)
      if (head.has_nan()) throw std::domain_error("a score is NaN");
    if (heads.size() == 1 && !shares_heads(rule))
      while (n_over-- > 0) heads.front().evict(static_cast<DeathTime>(e));
    else
      evict_worst(heads, n_safe_keys(rule, event.n), n_over, static_cast<DeathTime>(e));
  }
}

void schedule_threshold(const EvictionRule& rule, const Chunking& chunking, std::span<const double> scores,
                        std::span<DeathTime> deaths) {
  const auto threshold = std::get<ScoreThreshold>(rule.policy).threshold;
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto [begin, end] = judged(rule, chunking.event(e));
    for (auto j = begin; j < end; ++j) {
      const auto score = scores[static_cast<std::size_t>(j)];
      if (std::isnan(score)) throw std::domain_error("a score is NaN");
      if (score < threshold) deaths[static_cast<std::size_t>(j)] = static_cast<DeathTime>(e);
    }
  }
}

}  // namespace

void schedule_fixed(const EvictionRule& rule, const Chunking& chunking, std::span<const double> scores,
                    std::span<DeathTime> deaths) {
  std::ranges::fill(deaths, kNever);
  const FixedHead head{scores, deaths};
  if (has_budget(rule.policy)) schedule_budget(rule, chunking, {&head, 1});
  if (std::holds_alternative<ScoreThreshold>(rule.policy)) schedule_threshold(rule, chunking, scores, deaths);
}

void schedule_fixed_layer(const EvictionRule& rule, const Chunking& chunking,
                          std::span<const FixedHead> heads) {
  for (const auto& head : heads) std::ranges::fill(head.deaths, kNever);
  schedule_budget(rule, chunking, heads);
}

}  // namespace kvcompare
