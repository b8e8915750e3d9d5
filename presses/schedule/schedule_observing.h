// Death times under scores from the attention really given: rows are followed in order, inside the layer
// alone.
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
struct ObservingHead {
  std::function<WholeHead()> queries_and_keys;  // q and k; called once, by any thread
  std::span<DeathTime> deaths;                  // [n_tokens], written
};

// The KV heads of a layer, which go through blocks of rows together. A block is two rounds: first logits and
// exponentials for all keys that may be alive, cut by keys; then, a task a head, row by row: the sum over the
// alive, what each of them receives, the eviction. Softmax in float32, in float64 if q is.
// A task throws std::domain_error if a score is NaN. scorer outlives the rounds.
std::unique_ptr<Rounds> observing_rounds(const EvictionPolicy& policy, std::int64_t n_sink,
                                         const Chunking& chunking, const ObservingScorer& scorer,
                                         std::vector<ObservingHead> heads);

// One KV head, on this thread.
//   head   : q and k
//   deaths : [n_tokens], written
// Throws std::domain_error if a score is NaN.
void schedule_observing(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                        const ObservingScorer& scorer, const WholeHead& head, std::span<DeathTime> deaths);

}  // namespace kvcompare
