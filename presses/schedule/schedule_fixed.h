// Computes death times under fixed scores: scores that a token gets once, and that never change. A position
// that the rule protects is not ranked by its score yet, so scores may also come late.
#pragma once

#include <cstdint>
#include <span>

#include "presses/policy/death_times.h"
#include "presses/policy/eviction.h"

namespace kvcompare {

// Decides one KV head.
//   scores : [n_tokens], higher = keep
//   deaths : [n_tokens], written
// A budget costs one heap operation a token, a threshold one comparison. On a tie the earlier position
// stays.
// Throws std::domain_error if an event has to rank a score that is NaN.
void schedule_fixed(const EvictionRule& rule, const Chunking& chunking, std::span<const double> scores,
                    std::span<DeathTime> deaths);

// Decides all heads of a layer, which share their budgets.
struct FixedHead {
  std::span<const double> scores;
  std::span<DeathTime> deaths;
};
void schedule_fixed_layer(const EvictionRule& rule, const Chunking& chunking,
                          std::span<const FixedHead> heads);

}  // namespace kvcompare
