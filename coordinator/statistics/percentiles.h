// The interval that the bootstrap takes from its resamples.
#pragma once

#include <span>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {

// From the 2.5 to the 97.5 percentile, linear between order statistics. Reorders the values.
//   values : at least one; none is NaN
Interval middle_95_percent(std::span<double> values);

}  // namespace kvcompare
