// Death times under scores that change at every event but need no attention: those of all alive keys are
// computed for a block of events at once, before it is known which of the keys die inside the block.
#pragma once

#include <cstdint>
#include <span>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/scorer.h"

namespace kvcompare {

// One KV head.
//   head   : fresh, from DriftingScorer::start_head
//   deaths : [n_tokens], written
// Throws std::domain_error if a score is NaN.
void schedule_drifting(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                       DriftingScorer::Head& head, std::span<DeathTime> deaths);

}  // namespace kvcompare
