// Seconds of every unit of real runs, for what is to be foretold on a virtual clock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/run/method_spec.h"
#include "coordinator/plan/cost_model.h"

namespace kvcompare {

struct MeasuredSample {
  std::int64_t n_tokens = 0;
  std::vector<double> seconds;  // by method
};

struct MeasuredRun {
  std::string name;
  CostShape shape;
  std::vector<MethodSpec> methods;
  std::vector<MeasuredSample> samples;
};

const std::vector<MeasuredRun>& measured_runs();

// What the registry says of the methods that were measured, for a model of this shape: a press with forms of
// queries at every event, one that follows rows, others.
MethodCost cost_of(const MethodSpec& method, const CostShape& shape);

}  // namespace kvcompare
