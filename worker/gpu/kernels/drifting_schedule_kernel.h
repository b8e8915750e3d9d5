// Finds death times under expected_attention on the GPU, for all KV heads of one layer of one sample, in
// blocks of events (presses/schedule/drifting_plan.h). A layer starts with StartDrifting. Then these steps
// follow for each block, in order:
//   QueryFeatures   mean and covariance of the queries at each event, rotated by the mean rotation
//   KeyFeatures     for each key that enters: the products of its channels, and the key itself
//   a product       z = query features * key features^T, by cuBLAS: [n_kv_heads, n_events * group, n_places],
//                   with the first n_places rows of the key features
//   EvictLowest     softmaxes, scores and evictions, event by event
// z is defined in docs/semantics.md, section 3. Statistics and sums of softmaxes are double. Features, z and
// scores are float, and scores are logarithms throughout.
//
// All pointers are into device memory; those of Candidates, z and scores must be aligned to 16 bytes. T is
// float, c10::Half or c10::BFloat16.
#pragma once

#include <cstdint>
#include <limits>

#include "worker/gpu/kernels/layer_deaths.h"
#include "worker/gpu/kernels/stream.h"

namespace kvcompare {

// The position stored at a place that holds no key.
inline constexpr std::int32_t kNoKey = std::numeric_limits<std::int32_t>::max();

// The length of a row of features. With use_covariance the row holds the pair products, in the layout of
// presses/methods/expected_attention_kernels.h, and then one number for each channel.
constexpr std::int64_t n_drifting_features(std::int64_t d_head, bool use_covariance) {
  return (use_covariance ? d_head * (d_head + 2) / 2 : 0) + d_head;
}

// What all tasks of a layer share. group = n_heads / n_kv_heads.
struct DriftingShape {
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t d_head = 0;  // even, at most 512
  std::int64_t n_sink = 0;
  std::int64_t n_features = 0;  // n_drifting_features: d_head without the covariance
  double scalar = 0;            // logits are q k / sqrt(scalar); d_head in most models
};

// The events of a block: the arrays of DriftingPlan from the block's first event on, and the mean rotation
// after each event.
struct DriftingEvents {
  const std::int32_t* events = nullptr;          // [n_events]
  const std::int32_t* n = nullptr;               // [n_events]
  const std::int32_t* first_eviction = nullptr;  // [n_events + 1]
  const double* cos = nullptr;                   // [n_events, d_head / 2], Rope::means
  const double* sin = nullptr;
  std::int64_t n_events = 0;
};

// The keys that may be evicted. Each block of a layer passes them on to the next.
struct Candidates {
  std::int32_t* positions = nullptr;  // [n_kv_heads, capacity], kNoKey where there is none
  float* log_vnorm = nullptr;         // [n_kv_heads, capacity]
  float* features = nullptr;          // [n_kv_heads, capacity, n_features]
  // [n_kv_heads, n_evictions]: places of the evicted, in order of eviction; under a threshold those of the
  // judged, -1 where a key stays.
  std::int32_t* evicted = nullptr;
  std::int64_t capacity = 0;     // DriftingPlan::capacity, a multiple of 4
  std::int64_t n_evictions = 0;  // of the whole layer
};

// Starts a layer: every key stays, no place holds a key, and log_vnorm of all tokens is computed.
template <class T>
struct StartDrifting {
  DriftingShape shape;
  LayerDeaths layer;
  Candidates candidates;
  const T* v = nullptr;  // [n_tokens, stride], n_kv_heads heads in a row
  std::int64_t stride = 0;
  bool use_vnorm = true;
  float* log_vnorm = nullptr;  // [n_kv_heads, n_tokens], written: log of the 2-norm, or 0 without use_vnorm
};

template <class T>
struct QueryFeatures {
  DriftingShape shape;
  DriftingEvents events;
  const T* q = nullptr;  // [n_tokens, stride], n_heads heads in a row, before RoPE
  std::int64_t stride = 0;
  std::int64_t n_before = 0;  // as in DriftingBlock; if no more than n_sink, mean and scatter begin at 0
  std::int64_t n_after = 0;
  const double* mean = nullptr;  // [n_heads, d_head], of the queries of [n_sink, n_before)
  double* next_mean = nullptr;   // [n_heads, d_head], written: of [n_sink, n_after); not `mean`
  double* scatter = nullptr;     // [n_heads, n_features - d_head], updated: sum of products of deviations
  float* features = nullptr;     // [n_kv_heads, n_events * group, n_features], written; row: event, then head
};

template <class T>
struct KeyFeatures {
  DriftingShape shape;
  Candidates candidates;  // written at the places of the keys that enter
  const T* k = nullptr;   // [n_tokens, stride], n_kv_heads heads in a row, with RoPE
  std::int64_t stride = 0;
  const float* log_vnorm = nullptr;  // [n_kv_heads, n_tokens]
  std::int64_t n_tokens = 0;
  std::int64_t n_before = 0;  // from here on as in DriftingBlock
  std::int64_t n_new = 0;
  std::int64_t first_reused = 0;
  std::int64_t n_reused = 0;
  std::int64_t n_used_before = 0;
};

// Evicts the keys with the lowest scores. Of equal scores the earlier position stays (docs/semantics.md,
// section 2).
struct EvictLowest {
  // Under a threshold policy an event evicts the keys that it judges and whose score is below `threshold`.
  // Under a ratio policy `threshold` is kNoThreshold.
  static constexpr double kNoThreshold = std::numeric_limits<double>::infinity();

  DriftingShape shape;  // group at most 64 with 64 events
  DriftingEvents events;
  LayerDeaths layer;      // deaths and until of the evicted are written
  Candidates candidates;  // positions and evicted are written
  const float* z = nullptr;
  std::int64_t n_places = 0;  // a multiple of 4, at most capacity
  // Working memory for the softmaxes of the keys that are alive when the block begins, and for the scores of
  // an event:
  float* largest = nullptr;  // [n_kv_heads, n_events * group]
  double* sums = nullptr;    // [n_kv_heads, n_events * group]
  float* scores = nullptr;   // [n_kv_heads, capacity]
  int* status = nullptr;     // kNanScore is set if the score of a candidate that is alive is NaN at an event
  double threshold = kNoThreshold;
};

template <class T>
void drifting_schedule_kernel(const StartDrifting<T>& task, gpu::Stream stream);
template <class T>
void drifting_schedule_kernel(const QueryFeatures<T>& task, gpu::Stream stream);
template <class T>
void drifting_schedule_kernel(const KeyFeatures<T>& task, gpu::Stream stream);
void drifting_schedule_kernel(const EvictLowest& task, gpu::Stream stream);

}  // namespace kvcompare
