// Death times under scores that change at every event but need no attention: those of all alive keys are
// computed for a block of events at once, before it is known which of the keys die inside the block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/rounds.h"
#include "presses/scorer.h"

namespace kvcompare {

// One KV head.
struct DriftingHead {
  std::function<std::unique_ptr<DriftingScorer::Head>()> start;  // called once, by any thread
  std::span<DeathTime> deaths;                                   // [n_tokens], written
};

// The KV heads of a layer. In a head, a block is two rounds: first the scores' parts, cut by keys; then the
// evictions, one task, and beside them what the next block is asked with. Every other head is one round
// behind, so that threads which find no evictions to do find keys. A task throws std::domain_error if a score
// is NaN.
std::unique_ptr<Rounds> drifting_rounds(const EvictionPolicy& policy, std::int64_t n_sink,
                                        const Chunking& chunking, std::vector<DriftingHead> heads);

// One KV head, on this thread.
//   head   : fresh, from DriftingScorer::start_head
//   deaths : [n_tokens], written
// Throws std::domain_error if a score is NaN.
void schedule_drifting(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                       std::unique_ptr<DriftingScorer::Head> head, std::span<DeathTime> deaths);

}  // namespace kvcompare
