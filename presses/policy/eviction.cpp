#include "presses/policy/eviction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <variant>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/sort.h>

namespace kvcompare {
namespace {

at::Tensor best(const at::Tensor& positions, const at::Tensor& scores, std::int64_t n_sink,
                std::int64_t budget) {
  const auto ranked = scores.masked_fill(positions.lt(n_sink), std::numeric_limits<double>::infinity());
  const auto order = std::get<1>(at::sort(ranked, /*stable=*/true, /*dim=*/0, /*descending=*/true));
  return std::get<0>(order.narrow(0, 0, budget).sort());
}

// The n lowest scores beyond the sinks; on a tie the later. Ascending indices.
std::vector<std::int32_t> worst(std::span<const std::int32_t> positions, std::span<const double> scores,
                                std::int64_t n_sink, std::int64_t n) {
  const auto n_sinks = std::ranges::lower_bound(positions, n_sink) - positions.begin();
  if (n == 1) {
    const auto from_behind = std::min_element(scores.rbegin(), scores.rend() - n_sinks);
    return {static_cast<std::int32_t>(scores.rend() - from_behind - 1)};
  }
  std::vector<std::int32_t> indices(positions.size() - static_cast<std::size_t>(n_sinks));
  std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(n_sinks));
  const auto goes_first = [&](std::int32_t a, std::int32_t b) {
    const auto score_a = scores[static_cast<std::size_t>(a)], score_b = scores[static_cast<std::size_t>(b)];
    return score_a < score_b || (score_a == score_b && a > b);
  };
  std::ranges::nth_element(indices, indices.begin() + n, goes_first);
  indices.resize(static_cast<std::size_t>(n));
  std::ranges::sort(indices);
  return indices;
}

}  // namespace

Judged judged(const ScoreThreshold& policy, std::int64_t n_sink, const Event& event) {
  return {std::max({std::int64_t{0}, n_sink, event.n_previous - policy.sliding_window_size}),
          event.n - policy.sliding_window_size};
}

std::int64_t ratio_budget(const RatioBudget& policy, std::int64_t n, std::int64_t n_sink) {
  const auto share = static_cast<std::int64_t>(static_cast<double>(n) * (1 - policy.compression_ratio));
  return std::max({std::int64_t{1}, std::min(n, n_sink), share});
}

bool may_evict(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event, std::int64_t n_alive) {
  if (const auto* ratio = std::get_if<RatioBudget>(&policy))
    return n_alive > ratio_budget(*ratio, event.n, n_sink);
  if (const auto* threshold = std::get_if<ScoreThreshold>(&policy)) {
    const auto [begin, end] = judged(*threshold, n_sink, event);
    return begin < end;
  }
  return false;
}

at::Tensor survivors(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event,
                     const at::Tensor& positions, const at::Tensor& scores) {
  if (scores.isnan().any().item<bool>()) throw std::domain_error("a score is NaN");
  if (const auto* ratio = std::get_if<RatioBudget>(&policy))
    return best(positions, scores, n_sink,
                std::min(ratio_budget(*ratio, event.n, n_sink), positions.size(0)));
  if (const auto* threshold = std::get_if<ScoreThreshold>(&policy)) {
    const auto [begin, end] = judged(*threshold, n_sink, event);
    const auto too_low = positions.ge(begin) & positions.lt(end) & scores.lt(threshold->threshold);
    return too_low.logical_not().nonzero().squeeze(1);
  }
  return at::arange(positions.size(0), positions.options());
}

std::vector<std::int32_t> evicted(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event,
                                  std::span<const std::int32_t> positions, std::span<const double> scores) {
  if (std::ranges::any_of(scores, [](double score) { return std::isnan(score); }))
    throw std::domain_error("a score is NaN");
  if (const auto* ratio = std::get_if<RatioBudget>(&policy)) {
    const auto n_over = std::ssize(positions) - ratio_budget(*ratio, event.n, n_sink);
    return worst(positions, scores, n_sink, std::max<std::int64_t>(0, n_over));
  }
  std::vector<std::int32_t> indices;
  if (const auto* threshold = std::get_if<ScoreThreshold>(&policy)) {
    const auto [begin, end] = judged(*threshold, n_sink, event);
    auto i = std::ranges::lower_bound(positions, begin) - positions.begin();
    for (; i < std::ssize(positions) && positions[static_cast<std::size_t>(i)] < end; ++i)
      if (scores[static_cast<std::size_t>(i)] < threshold->threshold)
        indices.push_back(static_cast<std::int32_t>(i));
  }
  return indices;
}

}  // namespace kvcompare
