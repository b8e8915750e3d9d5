#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// A list of objects: code, text, samples, and the method if it is of one.
OrderedJson json_warnings(const std::vector<Warning>& warnings);

}  // namespace kvcompare
