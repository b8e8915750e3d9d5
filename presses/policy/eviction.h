// The eviction policies, which decide which of the alive keys of one KV head survive an event.
// Definition: docs/semantics.md, section 2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/run/chunking.h"
#include "common/run/method_spec.h"

namespace kvcompare {

// How a KV head of a unit evicts: the policy, and the positions that it spares.
struct EvictionRule {
  EvictionPolicy policy;
  std::int64_t n_first = 0;  // first positions, which are never evicted
  // The latest positions. A budget ranks them above every score, the later the higher. A threshold does not
  // judge them yet.
  std::int64_t n_last = 0;
  std::int64_t n_uncounted = 0;  // first positions that a budget does not count
};

// The rule of an instance on a sample that is cut like this. Its first positions are the sinks, those that
// the instance protects, and those before the first chunk with an event.
EvictionRule rule_of(const MethodSpec& method, const Chunking& chunking);

// The positions that an event judges under a threshold policy: those after the first ones that have left the
// window since the event before. Empty if begin >= end.
struct Judged {
  std::int64_t begin;
  std::int64_t end;
};
// The policy of the rule is a ScoreThreshold.
Judged judged(const EvictionRule& rule, const Event& event);

// How many keys a KV head keeps after the event at n: max(1, min(n, n_first), int(m)), where m is
// n * (1 - compression_ratio) or min(n, cache_size), of the keys that are counted. The policy of the rule has
// a budget (has_budget()).
std::int64_t budget(const EvictionRule& rule, std::int64_t n);

// Whether the event can evict any of n_alive keys. If not, no scores are needed.
bool may_evict(const EvictionRule& rule, const Event& event, std::int64_t n_alive);

// Returns the survivors, as ascending indices into the alive keys.
//   positions : [n_alive], int64, ascending
//   scores    : [n_alive], float64, higher = keep; not modified
//   returns   : [n_kept], int64
// Of equal scores the earlier position stays. Throws std::domain_error if a score is NaN.
at::Tensor survivors(const EvictionRule& rule, const Event& event, const at::Tensor& positions,
                     const at::Tensor& scores);

// Returns the evicted keys instead, as ascending indices, from plain arrays. For schedules, which ask at
// every event.
//   positions, scores : [n_alive], as above
// Throws std::domain_error if a score is NaN.
std::vector<std::int32_t> evicted(const EvictionRule& rule, const Event& event,
                                  std::span<const std::int32_t> positions, std::span<const double> scores);

}  // namespace kvcompare
