// The hashes of the inputs, for the JSON reports.
#pragma once

#include "coordinator/comparison/comparison.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Returns the SHA-256 of every input that was read. Scorers have one hash, or a list if there are several
// scorers.
OrderedJson json_inputs(const Comparison& comparison);

}  // namespace kvcompare
