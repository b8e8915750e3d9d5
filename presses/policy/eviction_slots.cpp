#include "presses/policy/eviction_slots.h"

#include <algorithm>
#include <cstddef>

namespace kvcompare {

std::int64_t EvictionSlots::n_alive(const Chunking& chunking, std::int64_t n) const {
  return n - first[static_cast<std::size_t>(chunking.n_events_by(n))];
}

EvictionSlots eviction_slots(const EvictionRule& rule, const Chunking& chunking) {
  EvictionSlots slots{.events = {}, .first = {0}};
  for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
    const auto event = chunking.event(e);
    const auto n_kept = budget(rule, event.n);
    const auto n_evicted = std::max<std::int64_t>(0, event.n - n_kept);  // up to this event
    slots.events.resize(std::max(slots.events.size(), static_cast<std::size_t>(n_evicted)),
                        static_cast<DeathTime>(e));
    slots.first.push_back(static_cast<std::int32_t>(slots.events.size()));
  }
  return slots;
}

}  // namespace kvcompare
