// results.csv: a row an instance, the baseline first, with every parameter and every number in a column of
// its own. Nothing in it depends on the clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string results_csv(const Comparison& comparison);

}  // namespace kvcompare
