// Divides the events of a schedule under drifting scores (expected_attention) into blocks. CPU and GPU use
// the same plan. The plan needs no scores. Under a budget the number of keys that an event evicts
// follows from the number of tokens, and is the same in all KV heads of a layer. (If these share their
// budgets it is the mean over them: then only the events and the blocks' tokens hold for a head.) Under a
// threshold it is known which keys an event judges. So all sizes are known before the first score is
// computed.
//
// Every key that may be evicted (a candidate: any key that is no sink) has a place, a row in the buffers of
// the schedule. All keys that are born during a block get their places when the block begins. They first take
// the places of keys that earlier blocks evicted, in the order of the evictions, and then places that are
// new. Under a threshold each head evicts its own number of keys. Then no place is used again, and the key at
// position j has the place j - n_sink.
#pragma once

#include <cstdint>
#include <vector>

#include "presses/policy/death_times.h"
#include "presses/policy/eviction.h"

namespace kvcompare {

struct DriftingBlock {
  std::int64_t first_event = 0;  // index into DriftingPlan's events
  std::int64_t n_events = 0;
  std::int64_t n_before = 0;       // tokens that have passed at the last event of the previous block
  std::int64_t n_after = 0;        // tokens that have passed at the last event of this block
  std::int64_t n_new = 0;          // keys that enter: positions beyond the sinks of [n_before, n_after)
  std::int64_t first_reused = 0;   // the first n_reused of the new keys take the places of the evicted keys
  std::int64_t n_reused = 0;       //   [first_reused, first_reused + n_reused)
  std::int64_t n_used_before = 0;  // the other new keys take the places from n_used_before on
  std::int64_t n_places = 0;       // a multiple of kPlaceMultiple; every used place is below it
};

// Eight floats fill a SIMD vector of AVX2, so rows of places start aligned.
inline constexpr std::int64_t kPlaceMultiple = 8;
inline constexpr std::int64_t kMostEventsInBlock = 64;

struct DriftingPlan {
  // The events that evict, or may evict, a key. None comes before more than n_sink tokens have passed.
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
//   n_sink : of the scorer, at most rule.n_first: it scores the keys from there on
DriftingPlan drifting_plan(const EvictionRule& rule, std::int64_t n_sink, const Chunking& chunking);

}  // namespace kvcompare
