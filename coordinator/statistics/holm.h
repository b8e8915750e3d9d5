// Corrects p-values for the number of tests.
#pragma once

#include <vector>

namespace kvcompare {

// Returns the corrected values in the order of p_values. If those below a level are called significant, the
// chance of even one false alarm among all of them is below that level. Source: Holm, "A simple sequentially
// rejective multiple test procedure", 1979.
std::vector<double> holm(const std::vector<double>& p_values);

}  // namespace kvcompare
