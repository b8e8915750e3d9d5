// samples.csv: a row a sample under an instance, in data-set order, instance by instance. Skipped samples are
// left out. Nothing in it depends on the clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string samples_csv(const Comparison& comparison);

}  // namespace kvcompare
