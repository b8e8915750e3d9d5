// What all kernels that find death times share. All pointers are into device memory.
#pragma once

#include <cstdint>
#include <limits>

namespace kvcompare {

// Death time of a key that stays: kNever of presses/policy/death_times.h, which needs libtorch.
inline constexpr std::int32_t kStays = std::numeric_limits<std::int32_t>::max();

// Bits that kernels set in a status word. No kernel clears the word.
inline constexpr int kNanScore = 1;  // an event had to rank a score that is NaN; the death times mean nothing

// The death times of one layer of one sample, as kernels write them. Its events are those of
// common/run/chunking.h.
struct LayerDeaths {
  std::int32_t* deaths = nullptr;  // [n_kv_heads, n_tokens]: the event that evicts the key, or kStays
  std::int32_t* until = nullptr;   // [n_kv_heads, n_tokens]: first query that does not see the key
  std::int64_t n_kv_heads = 0;
  std::int64_t n_tokens = 0;  // less than 2^30
  std::int64_t chunk_size = 1;
  std::int64_t events_from = 0;
  std::int64_t events_until = n_tokens;
};

}  // namespace kvcompare
