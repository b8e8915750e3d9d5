// An engine evaluates one unit: a sample under a method. Its result is a function of weights, sample
// (ids and index), method and chunk size alone: no clock, rank, thread count, order or neighbour is in it.
#pragma once

#include "common/method_spec.h"
#include "common/sample.h"
#include "common/unit_result.h"

namespace kvcompare {

class Engine {
 public:
  virtual ~Engine() = default;

  // sample.ids: at least two. `seconds` and `unit.method` of the result are left to the caller.
  // Throws std::domain_error if a score is NaN.
  virtual UnitResult run(const Sample& sample, const MethodSpec& method) = 0;
};

}  // namespace kvcompare
