#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// SHA-256 of what was read, as far as it was. Of scorers the hash if there is one, a list if there are
// several.
OrderedJson json_inputs(const Comparison& comparison);

}  // namespace kvcompare
