#include "presses/policy/eviction.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <tuple>
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
  const auto is_first = positions.lt(rule.n_first), is_last = positions.ge(n - rule.n_last);
  auto order = descending(at::where(is_last, positions.to(scores.scalar_type()), scores));
  const auto classes = is_first.to(at::kInt) * 2 + is_last.to(at::kInt);
  order = order.index_select(0, descending(classes.index_select(0, order)));
  return std::get<0>(order.narrow(0, 0, budget).sort());
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
  const auto end = rule.n_last == 0 ? std::ssize(positions) : std::max(begin, index_of(n - rule.n_last));
  if (n_over == 1 && begin < end) {
    const auto behind = scores.rbegin() + (std::ssize(scores) - end);
    const auto from_behind = std::min_element(behind, scores.rend() - begin);
    return {static_cast<std::int32_t>(scores.rend() - from_behind - 1)};
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

}  // namespace

EvictionRule rule_of(const MethodSpec& method, const Chunking& chunking) {
  return {.policy = method.policy,
          .n_first = std::max({sinks_of(method), method.protection.first, chunking.events_from}),
          .n_last = method.protection.last,
          .n_uncounted = chunking.n_uncounted};
}

Judged judged(const EvictionRule& rule, const Event& event) {
  const auto window = std::max(std::get<ScoreThreshold>(rule.policy).sliding_window_size, rule.n_last);
  return {std::max({std::int64_t{0}, rule.n_first, event.n_previous - window}), event.n - window};
}

std::int64_t budget(const EvictionRule& rule, std::int64_t n) {
  require(has_budget(rule.policy), "a policy with a budget");
  const auto counted = n - rule.n_uncounted;
  const auto* ratio = std::get_if<RatioBudget>(&rule.policy);
  const auto share =
      ratio ? static_cast<std::int64_t>(static_cast<double>(rule.n_uncounted) +
                                        static_cast<double>(counted) * (1 - ratio->compression_ratio))
            : rule.n_uncounted + std::min(counted, std::get<SizeBudget>(rule.policy).cache_size);
  return std::max({std::int64_t{1}, std::min(n, rule.n_first), share});
}

bool may_evict(const EvictionRule& rule, const Event& event, std::int64_t n_alive) {
  if (has_budget(rule.policy)) return n_alive > budget(rule, event.n);
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
  if (std::ranges::any_of(scores, [](double score) { return std::isnan(score); }))
    throw std::domain_error("a score is NaN");
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

}  // namespace kvcompare
