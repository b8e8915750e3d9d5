// Finds death times under fixed scores (presses/schedule/schedule_fixed.h) on the GPU, for all KV heads of a
// layer at once. All pointers are into device memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/gpu/kernels/layer_deaths.h"
#include "worker/gpu/kernels/stream.h"

namespace kvcompare {

// No key dies.
struct KeepAllSchedule {
  LayerDeaths layer;
};

// Each key is judged once, independently of the others.
struct ThresholdSchedule {
  LayerDeaths layer;
  const double* scores = nullptr;  // [n_kv_heads, n_tokens], higher = keep
  double threshold = 0;
  std::int64_t sliding_window_size = 0;
  std::int64_t n_sink = 0;  // first positions, which are never evicted
  int* status = nullptr;    // kNanScore is set if a judged score is NaN
};

// Every event evicts the keys with the lowest scores, as many as the budget demands.
struct RatioSchedule {
  LayerDeaths layer;
  const double* scores = nullptr;  // [n_kv_heads, n_tokens], higher = keep; only looked through for NaN
  // [n_kv_heads, n_tokens]: the positions from the best score to the worst, of equal scores the earlier
  // first:
  //   std::get<1>(at::sort(scores, /*stable=*/true, /*dim=*/1, /*descending=*/true))
  const std::int64_t* order = nullptr;
  const std::int32_t* slots = nullptr;  // [n_slots], EvictionSlots::events (presses/policy/eviction_slots.h)
  const std::int32_t* first_slot = nullptr;  // [n_events + 1], EvictionSlots::first
  std::int64_t n_slots = 0;
  std::int64_t n_sink = 0;    // first positions, which are never evicted
  void* workspace = nullptr;  // bytes of ratio_workspace_bytes, aligned to 16
  int* status = nullptr;      // kNanScore is set if an event has to rank a score that is NaN
};
std::size_t ratio_workspace_bytes(const RatioSchedule& task);

// Computes the scores of the method random (presses/methods/random.h), bit for bit.
struct RandomScores {
  double* scores = nullptr;  // [n_kv_heads, n_tokens]
  std::int64_t n_kv_heads = 0;
  std::int64_t n_tokens = 0;  // at most 2^32
  std::uint64_t seed = 0;
  std::uint64_t sample = 0;
  std::int64_t layer = 0;
};

void fixed_schedule_kernel(const KeepAllSchedule& task, gpu::Stream stream);
void fixed_schedule_kernel(const ThresholdSchedule& task, gpu::Stream stream);
void fixed_schedule_kernel(const RatioSchedule& task, gpu::Stream stream);
void random_scores_kernel(const RandomScores& task, gpu::Stream stream);

}  // namespace kvcompare
