// Short names of the instances of a run.
#pragma once

#include <string>
#include <vector>

#include "common/run/method_spec.h"

namespace kvcompare {

// [methods]. The display name alone where a run has one instance of a method, else with the parameters in
// which the method's instances differ: "StreamingLLM 0.75 n_sink 8", "KVzap τ -6". Each once.
std::vector<std::string> instance_labels(const std::vector<MethodSpec>& methods);

}  // namespace kvcompare
