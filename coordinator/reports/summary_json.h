// comparison_summary.json: each instance compared with the baseline. The file does not depend on the clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string summary_json(const Comparison& comparison);

}  // namespace kvcompare
