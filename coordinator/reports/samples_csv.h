// samples.csv: one row for each sample under each instance; instance by instance, and within an instance in
// data-set order. Skipped samples are left out. The file does not depend on the clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string samples_csv(const Comparison& comparison);

}  // namespace kvcompare
