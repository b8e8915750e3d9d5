#pragma once

#include <vector>

#include "common/run/method_spec.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Instances as flags that --config takes, in which they come again in the same order:
//   {"methods": ["baseline", "random"], "policy": "auto", "compression_ratio": [0.25, 0.5], "seed": 42}
// if they are all the combinations of the values of some flags, else each with all its parameters, as
// instance_name() writes it, but for the hash of a scorer if all have the same. It depends on the instances
// alone, not on how they were asked for. Where scorers lie is not in it.
OrderedJson json_method_flags(const std::vector<MethodSpec>& methods);

}  // namespace kvcompare
