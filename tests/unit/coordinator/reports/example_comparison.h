// A comparison small enough to compute by hand: two samples of 3 and 5 predicted tokens, a third one skipped;
// perplexities e^2 = 7.389... and e^2.5.
#pragma once

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

Comparison example_comparison();  // Baseline, Random (half of the keys), KVzap (one sample failed)

}  // namespace kvcompare
