// A comparison of sweeps with everything that statistics can say of it; the numbers are made up, but agree
// with each other where one follows from another.
#pragma once

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// Baseline, StreamingLLM 0.5 and 0.75 (the first not distinguishable from the baseline), KVzap τ -6, and
// Random (a sample failed).
Comparison swept_comparison();

// The same with labels, method names and reasons that hold what each format gives a meaning of its own.
Comparison comparison_with_special_characters();

}  // namespace kvcompare
