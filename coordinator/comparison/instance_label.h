#pragma once

#include <string>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// The short name of an instance in reports.
inline const std::string& label_of(const MethodResult& method) {
  return method.label.empty() ? method.spec.display_name : method.label;
}

}  // namespace kvcompare
