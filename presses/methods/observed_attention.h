// Mean attention received per query that could have given some. Related to H2O, arXiv 2306.14048.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

Scorer make_observed_attention(const ScorerParameters& parameters, const ScorerResources& resources);

}  // namespace kvcompare
