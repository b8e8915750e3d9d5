// Death times under scores that are known from the token alone.
#pragma once

#include <cstdint>
#include <span>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"

namespace kvcompare {

// One KV head.
//   scores : [n_tokens], higher = keep
//   deaths : [n_tokens], written
// A ratio budget costs a heap operation a token, a threshold arithmetic. On a tie the earlier position stays.
// Throws std::domain_error if an event has to rank a score that is NaN.
void schedule_fixed(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                    std::span<const double> scores, std::span<DeathTime> deaths);

}  // namespace kvcompare
