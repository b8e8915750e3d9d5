// A trained surrogate of KVzip+ scores. Source: KVzap, arXiv 2601.07891.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

Scorer make_kvzap(const ScorerParameters& parameters, const ScorerResources& resources);

}  // namespace kvcompare
