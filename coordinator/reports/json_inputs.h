#pragma once

#include "coordinator/fingerprint.h"
#include "coordinator/reports/json_text.h"

namespace kvcompare {

// SHA-256 of what was read, as far as it was.
OrderedJson json_inputs(const InputHashes& inputs);

}  // namespace kvcompare
