// Where instances of kvzap look for their scorer if nothing says where.
#pragma once

#include <string>

#include "common/run/method_parameters.h"
#include "presses/registry.h"

namespace kvcompare {

inline std::string standard_scorer() {
  return text_of_role(make_method_spec(*find_method("kvzap"), {}), ParameterRole::kPlace);
}

}  // namespace kvcompare
