// What is known about evictions under a budget before there are scores: how many keys each event evicts. The
// number is the same in all KV heads of a layer, unless they share their budgets; then it is the mean over
// them.
#pragma once

#include <cstdint>
#include <vector>

#include "presses/policy/death_times.h"
#include "presses/policy/eviction.h"

namespace kvcompare {

// A slot is the eviction of one key.
struct EvictionSlots {
  std::vector<std::int32_t> events;  // [n_slots]: the event of each slot, ascending
  std::vector<std::int32_t> first;   // [n_events + 1]: event e has the slots first[e] to first[e + 1]

  // How many keys are alive after n tokens have passed, and after the event that follows them, if there is
  // one.
  std::int64_t n_alive(const Chunking& chunking, std::int64_t n) const;
};

// The policy of the rule has a budget.
EvictionSlots eviction_slots(const EvictionRule& rule, const Chunking& chunking);

}  // namespace kvcompare
