// Scores of docs/semantics.md, section 3, in float64, with what rounding may make of them.
#pragma once

#include <functional>
#include <vector>

#include "tests/support/model_for_test.h"

namespace kvcompare {

// A score, and the lowest and the highest that an engine in float32 may come to.
struct ScoreRange {
  double exact;
  double low;
  double high;
};

// A layer of a sample under given deaths, in float64.
struct ForcedLayer {
  LayerView view;
  at::Tensor weights;  // [n_heads, n_tokens, n_tokens], softmax: what query i gives to key j
};

// Of the alive positions, ascending, at the event after n tokens; asked for later and later events.
using EventScores =
    std::function<std::vector<ScoreRange>(std::int64_t n, const std::vector<std::int64_t>& alive)>;

// layer and exact outlive what is returned.
EventScores scores_of_head(const ForcedLayer& layer, std::int64_t kv_head, const MethodSpec& method,
                           const ModelForTest& exact);

}  // namespace kvcompare
