// detailed_results.json: the configuration, every count and every sample. The file does not depend on the
// clock.
#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

std::string detailed_json(const Comparison& comparison);

}  // namespace kvcompare
