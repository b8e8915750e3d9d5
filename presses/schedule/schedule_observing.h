// Computes death times under scores that depend on the attention really given. The rows (queries) of the
// layer are followed in order. Nothing outside the layer is needed.
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
struct ObservingHead {
  std::function<WholeHead()> queries_and_keys;  // q and k; called once, by any thread
  std::span<DeathTime> deaths;                  // [n_tokens], written
};

// Returns the rounds that decide all KV heads of a layer; the heads go through blocks of rows together. A
// block takes two rounds. The first computes logits and exponentials for all keys that may be alive, cut into
// tasks by head and by keys. The second has one task a head, which follows the rows: for each row it sums
// over the alive keys, adds what each key receives, and evicts. It has one task for the whole layer where the
// heads are decided together: they share their budgets, or the scorer takes the mean over all of them. Rows
// of queries that count at no event that evicts are left out. The softmax is in float32, or in float64 if q
// is. A task throws std::domain_error if a score is NaN. scorer outlives the rounds.
std::unique_ptr<Rounds> observing_rounds(const EvictionRule& rule, const Chunking& chunking,
                                         const ObservingScorer& scorer, std::vector<ObservingHead> heads);

// Decides one KV head on the calling thread.
//   head   : q and k
//   deaths : [n_tokens], written
// Throws std::domain_error if a score is NaN.
void schedule_observing(const EvictionRule& rule, const Chunking& chunking, const ObservingScorer& scorer,
                        const WholeHead& head, std::span<DeathTime> deaths);

}  // namespace kvcompare
