// Computes death times under fixed scores: scores that a token gets once, and that never change.
#pragma once

#include <cstdint>
#include <span>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"

namespace kvcompare {

// Decides one KV head.
//   scores : [n_tokens], higher = keep
//   deaths : [n_tokens], written
// A ratio budget costs one heap operation a token, a threshold one comparison. On a tie the earlier position
// stays.
// Throws std::domain_error if an event has to rank a score that is NaN.
void schedule_fixed(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                    std::span<const double> scores, std::span<DeathTime> deaths);

}  // namespace kvcompare
