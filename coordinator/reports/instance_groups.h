// Groups the instances of one method, as tables show them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

struct InstanceGroup {
  std::string method_name;          // as reported: "StreamingLLM"
  std::vector<std::size_t> places;  // places in Comparison::methods, in their order
};

// In the order in which the methods first occur.
std::vector<InstanceGroup> instance_groups(const Comparison& comparison);

// What the label says beyond the name of the method: "τ -6" for "KVzap τ -6". The whole label if it says
// nothing more, or does not begin with the name.
std::string setting_of(const MethodResult& method);

}  // namespace kvcompare
