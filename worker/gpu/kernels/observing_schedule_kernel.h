// Finds death times under observed_attention (presses/schedule/schedule_observing.h) on the GPU, for all KV
// heads of one layer of one sample. The rows of attention are followed in order, one block of rows at a time.
// At first every key stays (KeepAllSchedule). Then these steps follow for each block of rows, in order:
//   ObservedOperands  gathers the queries of the rows, and the keys that are the block's columns
//   a product         logits = q k^T, by cuBLAS
//   ObservedRows      softmaxes, sums and evictions, row by row; leaves the keys for the next block
// The columns of a block are the keys that were alive before it, and then its own keys. All pointers are into
// device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "worker/gpu/kernels/layer_deaths.h"
#include "worker/gpu/kernels/stream.h"

namespace kvcompare {

inline constexpr std::int64_t kMostObservedHeads = 32;  // query heads of a KV head

// The most rows of a block if a KV head has `group` query heads.
constexpr std::int64_t most_observed_rows(std::int64_t group) { return group > 8 ? 512 / group : 64; }

struct ObservedBlock {
  std::int64_t n_kv_heads = 0;
  std::int64_t group = 0;      // query heads of a KV head
  std::int64_t first_row = 0;  // position of the first query
  std::int64_t n_rows = 0;     // at most most_observed_rows(group)
  std::int64_t n_old = 0;      // columns of keys from before the block: 0 in the first block, then n_next
  std::int64_t n_columns = 0;  // n_old + n_rows rounded up to a multiple of 4: the rest means nothing
  // [n_kv_heads, capacity]: of the old columns, ascending positions (-1: no key, at the end), and softmax
  // weights received so far, summed over rows and query heads. Other entries are room to work in.
  std::int32_t* positions = nullptr;
  double* received = nullptr;
  std::int64_t capacity = 0;  // at least n_columns
};

// T: float, c10::Half or c10::BFloat16.
template <class T>
struct ObservedOperands {
  ObservedBlock block;
  const T* q = nullptr;  // [n_tokens, stride], with RoPE: heads of d_head elements, of a KV head side by side
  const T* k = nullptr;  // [n_tokens, stride], with RoPE
  std::int64_t stride = 0;
  std::int64_t d_head = 0;
  T* rows = nullptr;     // [n_kv_heads, group, n_rows, d_head], written
  T* columns = nullptr;  // [n_kv_heads, n_columns, d_head], written; zeros where there is no key
};

struct ObservedRows {
  ObservedBlock block;
  LayerDeaths layer;              // deaths and until of the evicted are written
  const float* logits = nullptr;  // [n_kv_heads, group, n_rows, n_columns]
  float scale = 0;                // of the logits: 1 / sqrt(d_head) in most models
  // A query sees the keys of the last `window` positions, its own included; all keys by default.
  std::int64_t window = std::numeric_limits<std::int64_t>::max();
  float* weights = nullptr;  // [n_kv_heads, group, n_rows, n_columns]: room for the softmaxes
  double* sums = nullptr;    // [n_kv_heads, group, n_rows]: room for their sums
  // The number of old columns of the next block. Under a ratio policy, the keys that EvictionSlots says are
  // alive. Under a threshold policy each head has its own number of alive keys, so it is the number of tokens
  // so far.
  std::int64_t n_next = 0;
  std::int64_t n_sink = 0;
  const std::int32_t* first_slot = nullptr;  // [n_events + 1], EvictionSlots::first; null: a threshold
  double threshold = 0;
  std::int64_t sliding_window_size = 0;
  int* status = nullptr;  // kNanScore is set if a score is NaN at an event that evicts
  // With 12 bytes of shared memory (and a little more) for each query head and column, rows are copied there
  // before they are needed. This is done if the device has that much, and if this limit allows it.
  std::size_t most_shared_bytes = SIZE_MAX;
};

template <class T>
void observing_schedule_kernel(const ObservedOperands<T>& task, gpu::Stream stream);
void observing_schedule_kernel(const ObservedRows& task, gpu::Stream stream);

}  // namespace kvcompare
