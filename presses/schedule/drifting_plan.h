// Blocks of events for a schedule under expected_attention, on the CPU and on a GPU. Under a ratio budget it
// is known ahead how many keys every event evicts, the same in all KV heads; under a threshold, which keys
// are judged. So every size is known before the first score.
//
// A key that may be evicted, a candidate, has a place. A key beyond the sinks enters at the first event of a
// block or later, with its block; it takes the place of an evicted key, in the order of the evictions, or the
// next place that no key ever had. Under a threshold, where each head evicts its own number, no place is used
// again: that of position j is j - n_sink.
#pragma once

#include <cstdint>
#include <vector>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"

namespace kvcompare {

struct DriftingBlock {
  std::int64_t first_event = 0;  // index into DriftingPlan's events
  std::int64_t n_events = 0;
  std::int64_t n_before = 0;       // tokens that had passed at the last event of the block before
  std::int64_t n_after = 0;        // tokens that have passed at the last event of this one
  std::int64_t n_new = 0;          // keys that enter: positions beyond the sinks of [n_before, n_after)
  std::int64_t first_reused = 0;   // the first of them take the places of the evicted keys
  std::int64_t n_reused = 0;       //   [first_reused, first_reused + n_reused),
  std::int64_t n_used_before = 0;  // the others the places from n_used_before on
  std::int64_t n_places = 0;       // a multiple of kPlaceMultiple; all places that have a key are before it
};

// Rows of eight floats are aligned as fast matrix products want them.
inline constexpr std::int64_t kPlaceMultiple = 8;
inline constexpr std::int64_t kMostEventsInBlock = 64;

struct DriftingPlan {
  // The events that evict, or may, none of which comes before there are more than n_sink tokens.
  std::vector<std::int32_t> events;          // [n_events], ascending
  std::vector<std::int32_t> n;               // [n_events], tokens that have passed at each
  std::vector<std::int32_t> first_eviction;  // [n_events + 1]: event i makes the evictions from
                                             // first_eviction[i] up to first_eviction[i + 1]; under a
                                             // threshold it judges the keys at these places
  std::vector<DriftingBlock> blocks;         // every event in one; n_places never falls

  std::int64_t n_evictions() const { return first_eviction.back(); }
  std::int64_t capacity() const { return blocks.empty() ? 0 : blocks.back().n_places; }  // places
};

// Empty if the policy evicts nothing.
DriftingPlan drifting_plan(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking);

}  // namespace kvcompare
