#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// What reports call an instance.
inline const std::string& label_of(const MethodResult& method) {
  return method.label.empty() ? method.spec.display_name : method.label;
}

}  // namespace kvcompare
