#include "presses/scorer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>

namespace kvcompare {

at::Tensor ObservingScorer::score(std::int64_t n, const at::Tensor& positions,
                                  const at::Tensor& received) const {
  const auto j = positions.to(at::kCPU, at::kInt).contiguous();
  const auto mean = received.mean(0).to(at::kCPU, at::kDouble).contiguous();
  auto scores = at::empty_like(mean);
  const auto n_alive = static_cast<std::size_t>(j.size(0));
  score(n, std::span(j.const_data_ptr<std::int32_t>(), n_alive),
        std::span(mean.const_data_ptr<double>(), n_alive),
        std::span(scores.mutable_data_ptr<double>(), n_alive));
  return scores.to(received.device());
}

void DriftingScorer::Head::start_block(std::span<const std::int64_t> n,
                                       std::span<const std::int32_t> candidates) {
  start_events(n);
  for (std::size_t task = 0; task < n_event_tasks(); ++task) run_event_task(task);
  start_keys(candidates);
  for (std::size_t task = 0; task < n_key_tasks(); ++task) run_key_task(task);
}

}  // namespace kvcompare
