// Correction of p-values for how many tests there were.
#pragma once

#include <vector>

namespace kvcompare {

// In the order of p_values. Called significant if below a level, they keep the chance of a single false alarm
// among all of them below that level.
// Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
std::vector<double> holm(const std::vector<double>& p_values);

}  // namespace kvcompare
