// The instances of a run as the flags of `kvcompare compare` that would ask for them.
#pragma once

#include <vector>

#include "common/run/method_spec.h"
#include "coordinator/json/json_text.h"

namespace kvcompare {

// Returns flags that --config accepts and that give these instances in the same order. There are two forms:
//  - If the instances are all combinations of the values of some flags, each flag has its list of values:
//      {"methods": ["baseline", "random"], "policy": "auto", "compression_ratio": [0.25, 0.5], "seed": 42}
//  - Otherwise each instance stands with all its parameters, as instance_name() writes it. The hash of the
//  scorer
//    is left out if all instances have the same scorer.
// The result depends only on the instances, not on how the user asked for them. It does not say where scorers
// lie.
OrderedJson json_method_flags(const std::vector<MethodSpec>& methods);

}  // namespace kvcompare
