// Death times under scores from the attention really given: rows are followed in order, inside the layer
// alone.
#pragma once

#include <cstdint>
#include <span>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/scorer.h"

namespace kvcompare {

// One KV head. For a block of rows the logits of all keys that may be alive are one matrix product; then row
// by row: softmax over the alive, accumulate, evict.
//   head   : q and k; softmax in float32, in float64 if they are
//   deaths : [n_tokens], written
// Throws std::domain_error if a score is NaN.
void schedule_observing(const EvictionPolicy& policy, std::int64_t n_sink, const Chunking& chunking,
                        const ObservingScorer& scorer, const WholeHead& head, std::span<DeathTime> deaths);

}  // namespace kvcompare
