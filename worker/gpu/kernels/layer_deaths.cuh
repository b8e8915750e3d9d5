// The chunking of a layer, as in death_times.h, for device code and for the references.
#pragma once

#include <cstdint>

#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/layer_deaths.h"

namespace kvcompare {

// How many tokens have passed at event e.
KVCOMPARE_HOST_DEVICE std::int64_t n_at(const LayerDeaths& layer, std::int64_t e) {
  const std::int64_t n = (e + 1) * layer.chunk_size;
  return n < layer.n_tokens ? n : layer.n_tokens;
}

// The event that judges a position under a threshold policy: the first event at which more than position +
// window tokens have passed. kStays for a sink, and if there is no such event.
KVCOMPARE_HOST_DEVICE std::int32_t judging_event(const LayerDeaths& layer, std::int64_t window,
                                                 std::int64_t n_sink, std::int64_t position) {
  if (position < n_sink || window >= layer.n_tokens - position) return kStays;
  return static_cast<std::int32_t>((position + window) / layer.chunk_size);
}

KVCOMPARE_HOST_DEVICE void keep(const LayerDeaths& layer, std::int64_t kv_head, std::int64_t position) {
  layer.deaths[kv_head * layer.n_tokens + position] = kStays;
  layer.until[kv_head * layer.n_tokens + position] = static_cast<std::int32_t>(layer.n_tokens);
}

KVCOMPARE_HOST_DEVICE void evict(const LayerDeaths& layer, std::int64_t kv_head, std::int64_t position,
                                 std::int32_t event) {
  layer.deaths[kv_head * layer.n_tokens + position] = event;
  layer.until[kv_head * layer.n_tokens + position] = static_cast<std::int32_t>(n_at(layer, event));
}

}  // namespace kvcompare
