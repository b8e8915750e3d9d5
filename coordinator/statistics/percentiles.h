// The interval of the bootstrap.
#pragma once

#include <span>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {

// From the 2.5 to the 97.5 percentile, linear between order statistics. Reorders the values.
//   values : at least one, none of them NaN
Interval middle_95_percent(std::span<double> values);

}  // namespace kvcompare
