// The two eviction policies, which decide which of the alive keys of one KV head survive an event.
// Definition: docs/semantics.md, section 2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/run/method_spec.h"

namespace kvcompare {

// An event: the first n tokens have passed the layer. At the event before, n_previous tokens had passed (0 at
// the first event).
struct Event {
  std::int64_t n_previous = 0;
  std::int64_t n = 0;
};

// The positions that an event judges under a threshold policy: those after the sinks that have left the
// window since the event before. Empty if begin >= end.
struct Judged {
  std::int64_t begin;
  std::int64_t end;
};
Judged judged(const ScoreThreshold& policy, std::int64_t n_sink, const Event& event);

// How many keys a KV head keeps after the event at n: max(1, min(n, n_sink), int(n * (1 -
// compression_ratio))).
std::int64_t ratio_budget(const RatioBudget& policy, std::int64_t n, std::int64_t n_sink);

// Whether the event can evict any of n_alive keys. If not, no scores are needed.
bool may_evict(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event, std::int64_t n_alive);

// Returns the survivors, as ascending indices into the alive keys.
//   positions : [n_alive], int64, ascending
//   scores    : [n_alive], float64, higher = keep; not modified
//   returns   : [n_kept], int64
// Sinks (position < n_sink) rank above every score. Of equal scores the earlier position stays. Throws
// std::domain_error if a score is NaN.
at::Tensor survivors(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event,
                     const at::Tensor& positions, const at::Tensor& scores);

// Returns the evicted keys instead, as ascending indices, from plain arrays. For schedules, which ask at
// every event.
//   positions, scores : [n_alive], as above
// Throws std::domain_error if a score is NaN.
std::vector<std::int32_t> evicted(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event,
                                  std::span<const std::int32_t> positions, std::span<const double> scores);

}  // namespace kvcompare
