// What is known about evictions under a ratio policy before there are scores: how many keys each event
// evicts. The number is the same in all KV heads.
#pragma once

#include <cstdint>
#include <vector>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"

namespace kvcompare {

// A slot is the eviction of one key.
struct EvictionSlots {
  std::vector<std::int32_t> events;  // [n_slots]: the event of each slot, ascending
  std::vector<std::int32_t> first;   // [n_events + 1]: event e has the slots first[e] to first[e + 1]

  // How many keys are alive after n tokens have passed, and after the event that follows them, if there is
  // one.
  std::int64_t n_alive(const Chunking& chunking, std::int64_t n) const;
};

EvictionSlots eviction_slots(const RatioBudget& policy, std::int64_t n_sink, const Chunking& chunking);

}  // namespace kvcompare
