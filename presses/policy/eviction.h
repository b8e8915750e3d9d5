// The eviction policies, which decide which of the alive keys of a KV head, or of all KV heads of a layer,
// survive an event. Definition: docs/semantics.md, section 2.
#pragma once

#include <cstdint>
#include <functional>
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
  BudgetShares shares{};         // how layers and heads share a budget
  std::int64_t layer = 0;        // whose budget this is, of n_layers
  std::int64_t n_layers = 1;
  std::int64_t window = 0;  // the latest queries that the scorer looks at; budgets of layers go by it
  // A scorer's own latest positions: those from protected_from(n, budget) on rank like n_last. Never falls
  // from one event to the next where scores never change. Empty: none.
  std::function<std::int64_t(std::int64_t n, std::int64_t budget)> protected_from{};
};

// The rule of an instance on a sample that is cut like this, in a layer, or in all if they have the same
// budget; nothing of its scorer is in it yet. Its first positions are the sinks, those that the instance
// protects, and those before the first chunk with an event.
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
// n * (1 - compression_ratio) or min(n, cache_size), of the keys that are counted; with budgets of a pyramid
// the layer's share stands in the place of int(m). With adaptive heads it is the mean over the layer's heads.
// The policy of the rule has a budget (has_budget()).
std::int64_t budget(const EvictionRule& rule, std::int64_t n);

// The first position that a budget ranks above every score at the event at n, among the latest; n if there is
// none.
std::int64_t first_protected(const EvictionRule& rule, std::int64_t n);

// With adaptive heads: how many of the best keys each head keeps for sure after the event at n.
std::int64_t n_safe_keys(const EvictionRule& rule, std::int64_t n);

// Whether the heads of a layer share their budgets, so that they must be decided together.
bool shares_heads(const EvictionRule& rule);

// Whether the event can evict any of the n_alive keys of a KV head. If not, no scores are needed. With
// adaptive heads: of the keys that n_heads heads have together.
bool may_evict(const EvictionRule& rule, const Event& event, std::int64_t n_alive, std::int64_t n_heads = 1);

// Returns the survivors, as ascending indices into the alive keys.
//   positions : [n_alive], int64, ascending
//   scores    : [n_alive], float64, higher = keep; not modified
//   returns   : [n_kept], int64
// Of equal scores the earlier position stays. Throws std::domain_error if a score is NaN.
at::Tensor survivors(const EvictionRule& rule, const Event& event, const at::Tensor& positions,
                     const at::Tensor& scores);

// The alive keys of a KV head, with their scores: [n_alive], ascending positions.
struct RankedKeys {
  std::span<const std::int32_t> positions;
  std::span<const double> scores;
};

// The survivors of all heads of a layer, which share their budgets: of each head ascending indices into its
// alive keys. Sorts all keys: for engines that are compared with schedules.
// Throws std::domain_error if a score is NaN.
std::vector<std::vector<std::int64_t>> survivors_of_layer(const EvictionRule& rule, const Event& event,
                                                          std::span<const RankedKeys> heads);

// Returns the evicted keys instead, as ascending indices, from plain arrays. For schedules, which ask at
// every event.
//   positions, scores : [n_alive], as above
// Throws std::domain_error if a score is NaN.
std::vector<std::int32_t> evicted(const EvictionRule& rule, const Event& event,
                                  std::span<const std::int32_t> positions, std::span<const double> scores);

// The same for all heads of a layer. Where they do not share their budgets, of each head by itself.
std::vector<std::vector<std::int32_t>> evicted_of_layer(const EvictionRule& rule, const Event& event,
                                                        std::span<const RankedKeys> heads);

}  // namespace kvcompare
