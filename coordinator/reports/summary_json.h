// comparison_summary.json: each method against the baseline. Nothing in it depends on the clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string summary_json(const Comparison& comparison);

}  // namespace kvcompare
