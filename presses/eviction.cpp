#include "presses/eviction.h"

#include <algorithm>
#include <limits>
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

// Positions judged at an event under a threshold: those that have left the window since the event before.
struct Judged {
  std::int64_t begin;
  std::int64_t end;
};

Judged judged(const ScoreThreshold& policy, const Event& event) {
  return {std::max<std::int64_t>(0, event.n_previous - policy.sliding_window_size),
          event.n - policy.sliding_window_size};
}

at::Tensor best(const at::Tensor& positions, const at::Tensor& scores, std::int64_t n_sink,
                std::int64_t budget) {
  const auto ranked = scores.masked_fill(positions.lt(n_sink), std::numeric_limits<double>::infinity());
  const auto order = std::get<1>(at::sort(ranked, /*stable=*/true, /*dim=*/0, /*descending=*/true));
  return std::get<0>(order.narrow(0, 0, budget).sort());
}

}  // namespace

std::int64_t ratio_budget(const RatioBudget& policy, std::int64_t n, std::int64_t n_sink) {
  const auto share = static_cast<std::int64_t>(static_cast<double>(n) * (1 - policy.compression_ratio));
  return std::max({std::int64_t{1}, std::min(n, n_sink), share});
}

bool may_evict(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event, std::int64_t n_alive) {
  if (const auto* ratio = std::get_if<RatioBudget>(&policy))
    return n_alive > ratio_budget(*ratio, event.n, n_sink);
  if (const auto* threshold = std::get_if<ScoreThreshold>(&policy)) {
    const auto [begin, end] = judged(*threshold, event);
    return std::max(begin, n_sink) < end;
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
    const auto [begin, end] = judged(*threshold, event);
    const auto evicted =
        positions.ge(std::max(begin, n_sink)) & positions.lt(end) & scores.lt(threshold->threshold);
    return evicted.logical_not().nonzero().squeeze(1);
  }
  return at::arange(positions.size(0), positions.options());
}

}  // namespace kvcompare
