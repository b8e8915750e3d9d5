// What an engine that rounds has made of a unit, judged in float64: the model is passed once more with its
// death times forced, layer by layer, so that every event is judged by the keys that were alive then and by
// the hidden states that its decisions lead to. Scores are docs/semantics.md's, section 3; decisions its
// section 2's.
#pragma once

#include <cstdint>

#include "tests/support/engines.h"

namespace kvcompare {

struct ForcedUnit {
  double total_nll = 0;
  std::int64_t n_events = 0;    // of all heads, those that had to evict or to judge
  std::int64_t n_disputed = 0;  // of them, decided otherwise than float64 would
};

// Fails the test where the deaths are not the definition's, near-ties excepted: of two keys that rounding in
// float32 may put in either order either may go.
//   deaths   : [n_layers * n_kv_heads][n_tokens]
//   near_tie : in 16 bits, by how much more scores may differ and still be a near-tie; a share of the
//   distance
//              between the highest and the lowest score that an event of the head has
ForcedUnit judge(const ModelForTest& exact, const EngineTask& unit, std::int64_t chunk_size,
                 const AllDeaths& deaths, double near_tie = 0);

// In float64 with these deaths, whatever they are.
double total_nll(const ModelForTest& exact, const EngineTask& unit, std::int64_t chunk_size,
                 const AllDeaths& deaths);

// Median of the scores of a head after the last token if nothing dies: a threshold that divides keys.
// Of fewer than two keys that may die: 0.
double middle_score(const ModelForTest& exact, const EngineTask& unit);

}  // namespace kvcompare
