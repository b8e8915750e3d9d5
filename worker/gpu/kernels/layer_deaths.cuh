// The events of a layer, as in common/run/chunking.h, for device code and for the references.
#pragma once

#include <cstdint>

#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/layer_deaths.h"

namespace kvcompare {

// How many tokens have passed at event e.
KVCOMPARE_HOST_DEVICE std::int64_t n_at(const LayerDeaths& layer, std::int64_t e) {
  const std::int64_t n = layer.events_from + (e + 1) * layer.chunk_size;
  return n < layer.events_until ? n : layer.events_until;
}

// The first event at which more than `position` tokens have passed; the number of events if there is none.
KVCOMPARE_HOST_DEVICE std::int64_t event_after(const LayerDeaths& layer, std::int64_t position) {
  const std::int64_t last = layer.events_until - 1;
  if (last < layer.events_from) return 0;
  if (position > last) return (last - layer.events_from) / layer.chunk_size + 1;
  return position < layer.events_from ? 0 : (position - layer.events_from) / layer.chunk_size;
}

// The event that judges a position under a threshold policy: the first event at which more than position +
// window tokens have passed. kStays for a position before n_sink, and if there is no such event.
KVCOMPARE_HOST_DEVICE std::int32_t judging_event(const LayerDeaths& layer, std::int64_t window,
                                                 std::int64_t n_sink, std::int64_t position) {
  const bool has_events = layer.events_from < layer.events_until;
  if (position < n_sink || !has_events || window >= layer.events_until - position) return kStays;
  return static_cast<std::int32_t>(event_after(layer, position + window));
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
