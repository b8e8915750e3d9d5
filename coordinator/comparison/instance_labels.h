// Makes short names for the instances of a run.
#pragma once

#include <string>
#include <vector>

#include "common/run/method_spec.h"

namespace kvcompare {

// Returns a name for each method of the list. The name is the display name alone if the run has one instance
// of the method. Otherwise the parameters in which the method's instances differ are added: "StreamingLLM
// 0.75 n_sink 8", "KVzap τ -6". What instances read is left out where the display names tell it ("External
// my_scores"). No two names are equal.
std::vector<std::string> instance_labels(const std::vector<MethodSpec>& methods);

}  // namespace kvcompare
