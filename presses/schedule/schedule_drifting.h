// Computes death times under drifting scores: scores that change at every event but do not depend on
// attention weights. Events are taken in blocks. For all events of a block the scores of all keys that are
// alive at its start are computed at once, before it is known which of these keys die inside the block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "presses/policy/death_times.h"
#include "presses/policy/eviction.h"
#include "presses/rounds.h"
#include "presses/scorer.h"

namespace kvcompare {

// One KV head.
struct DriftingHead {
  std::function<std::unique_ptr<DriftingScorer::Head>()> start;  // called once, by any thread
  std::span<DeathTime> deaths;                                   // [n_tokens], written
};

// Returns the rounds that decide all KV heads of a layer. For each head a block takes two rounds. The first
// computes the parts of the scores, cut into tasks by keys. The second makes the evictions, in one task;
// beside it other tasks prepare the query statistics of the next block. Every other head is one round behind
// the others, so that threads that find no evictions to make find keys. Heads that share their budgets go
// through the rounds together, and one task makes the evictions of all. A task throws std::domain_error if a
// score is NaN.
std::unique_ptr<Rounds> drifting_rounds(const EvictionRule& rule, const Chunking& chunking,
                                        std::vector<DriftingHead> heads);

// Decides one KV head on the calling thread.
//   head   : fresh, from DriftingScorer::start_head
//   deaths : [n_tokens], written
// Throws std::domain_error if a score is NaN.
void schedule_drifting(const EvictionRule& rule, const Chunking& chunking,
                       std::unique_ptr<DriftingScorer::Head> head, std::span<DeathTime> deaths);

}  // namespace kvcompare
