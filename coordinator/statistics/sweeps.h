// The instances of a method that differ in how strongly they evict, and in nothing else.
#pragma once

#include <string>
#include <vector>

#include "common/ids.h"
#include "common/run/method_spec.h"

namespace kvcompare {

struct Sweep {
  std::string method_name;  // as reported: "StreamingLLM"
  // method_name, and the parameters that tell it from another sweep of the method: "StreamingLLM n_sink 8"
  std::string label;
  std::vector<MethodIndex> points;  // at least two, in the order of the run
};

// Returns the sweeps in the order of their first points. How strongly an instance evicts is its
// compression_ratio under a ratio policy, its cache_size under a size policy, and its threshold under a
// threshold policy.
//   methods : of the run; [0] is the baseline, which is in no sweep
std::vector<Sweep> sweeps_of(const std::vector<MethodSpec>& methods);

}  // namespace kvcompare
