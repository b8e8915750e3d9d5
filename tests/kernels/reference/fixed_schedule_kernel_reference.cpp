#include "tests/kernels/reference/fixed_schedule_kernel_reference.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/core/PhiloxRNGEngine.h>

#include "worker/gpu/kernels/layer_deaths.cuh"

namespace kvcompare {
namespace {

void keep_everything(const LayerDeaths& layer) {
  for (std::int64_t h = 0; h < layer.n_kv_heads; ++h)
    for (std::int64_t j = 0; j < layer.n_tokens; ++j) keep(layer, h, j);
}

std::int64_t n_events(const LayerDeaths& layer) {
  std::int64_t n = 0;
  for (auto begin = layer.events_from; begin < layer.events_until; begin += layer.chunk_size) ++n;
  return n;
}

void evict_lowest(const RatioSchedule& task, std::int64_t head, std::int64_t e, std::int64_t n_evicted) {
  const auto n = n_at(task.layer, e);
  const auto* scores = task.scores + head * task.layer.n_tokens;
  if (std::any_of(scores, scores + n, [](double score) { return std::isnan(score); })) {
    *task.status |= kNanScore;
    return;
  }
  std::vector<std::int64_t> alive;
  for (auto j = task.n_sink; j < n; ++j)
    if (task.layer.deaths[head * task.layer.n_tokens + j] == kStays) alive.push_back(j);
  std::ranges::sort(alive, [&](std::int64_t a, std::int64_t b) {
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
  });
  for (std::int64_t i = 0; i < n_evicted; ++i)
    evict(task.layer, head, alive[static_cast<std::size_t>(i)], static_cast<std::int32_t>(e));
}

}  // namespace

void fixed_schedule_kernel_reference(const KeepAllSchedule& task) { keep_everything(task.layer); }

void fixed_schedule_kernel_reference(const ThresholdSchedule& task) {
  keep_everything(task.layer);
  for (std::int64_t e = 0; e < n_events(task.layer); ++e)
    for (std::int64_t h = 0; h < task.layer.n_kv_heads; ++h)
      for (std::int64_t j = task.n_sink; j < n_at(task.layer, e) - task.sliding_window_size; ++j) {
        if (e > 0 && j < n_at(task.layer, e - 1) - task.sliding_window_size) continue;  // judged before
        const auto score = task.scores[h * task.layer.n_tokens + j];
        if (std::isnan(score)) *task.status |= kNanScore;
        if (score < task.threshold) evict(task.layer, h, j, static_cast<std::int32_t>(e));
      }
}

void fixed_schedule_kernel_reference(const RatioSchedule& task) {
  keep_everything(task.layer);
  for (std::int64_t e = 0; e < n_events(task.layer); ++e) {
    const auto n_evicted = task.first_slot[e + 1] - task.first_slot[e];
    for (std::int64_t h = 0; h < task.layer.n_kv_heads && n_evicted > 0; ++h)
      evict_lowest(task, h, e, n_evicted);
  }
}

void random_scores_kernel_reference(const RandomScores& task) {
  for (std::int64_t h = 0; h < task.n_kv_heads; ++h)
    for (std::int64_t j = 0; j < task.n_tokens; ++j) {
      const auto head = static_cast<std::uint64_t>(task.layer * task.n_kv_heads + h);
      at::Philox4_32 engine(task.seed, task.sample, head << 32 | static_cast<std::uint64_t>(j));
      task.scores[h * task.n_tokens + j] = (engine() >> 8) * 0x1p-24;
    }
}

}  // namespace kvcompare
