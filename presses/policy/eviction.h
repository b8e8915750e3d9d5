// The two eviction policies: which of the alive keys of one KV head survive an event. Definition:
// docs/semantics.md, section 2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/run/method_spec.h"

namespace kvcompare {

// An event: the first n tokens have passed the layer, n_previous at the event before (0 at the first).
struct Event {
  std::int64_t n_previous = 0;
  std::int64_t n = 0;
};

// Positions judged at an event under a threshold: those beyond the sinks that have left the window since the
// event before. Empty if begin >= end.
struct Judged {
  std::int64_t begin;
  std::int64_t end;
};
Judged judged(const ScoreThreshold& policy, std::int64_t n_sink, const Event& event);

// Keys that a KV head keeps after the event at n: max(1, min(n, n_sink), int(n * (1 - compression_ratio))).
std::int64_t ratio_budget(const RatioBudget& policy, std::int64_t n, std::int64_t n_sink);

// Whether the event can evict one of n_alive keys; if not, no scores are needed.
bool may_evict(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event, std::int64_t n_alive);

// The survivors, as ascending indices into the alive keys.
//   positions : [n_alive], int64, ascending
//   scores    : [n_alive], float64, higher = keep; not modified
//   returns   : [n_kept], int64
// Sinks (position < n_sink) rank above every score; on a tie the earlier position stays.
// Throws std::domain_error if a score is NaN.
at::Tensor survivors(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event,
                     const at::Tensor& positions, const at::Tensor& scores);

// The others, from plain arrays: indices of the evicted, ascending. For schedules, which ask at every event.
//   positions, scores : [n_alive], as above
// Throws std::domain_error if a score is NaN.
std::vector<std::int32_t> evicted(const EvictionPolicy& policy, std::int64_t n_sink, const Event& event,
                                  std::span<const std::int32_t> positions, std::span<const double> scores);

}  // namespace kvcompare
