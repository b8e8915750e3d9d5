// results.csv: one row for each instance, the baseline first, with a column for every parameter and every
// number. The file does not depend on the clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string results_csv(const Comparison& comparison);

}  // namespace kvcompare
