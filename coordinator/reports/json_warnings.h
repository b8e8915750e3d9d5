// Warnings as JSON.
#pragma once

#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Returns a list of objects with code, text and samples, and the method if the warning concerns one method.
OrderedJson json_warnings(const std::vector<Warning>& warnings);

}  // namespace kvcompare
