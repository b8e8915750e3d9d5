// What planning needs to know of a unit that is to be evaluated.
#pragma once

#include <cstdint>

#include "common/ids.h"

namespace kvcompare {

struct PlannedUnit {
  UnitId unit;
  std::int64_t n_tokens = 0;
  double cost = 0;          // predicted, see cost_model.h
  int n_failed = 0;         // attempts of earlier runs
  bool runs_alone = false;  // the process died over it: it is evaluated last, with nothing else in hand
};

}  // namespace kvcompare
