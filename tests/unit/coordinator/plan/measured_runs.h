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

// The model of a run: a llama.
struct MeasuredModel {
  std::int64_t n_layers = 0;
  std::int64_t d_model = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;

  CostShape shape() const;
};

struct MeasuredRun {
  std::string name;
  MeasuredModel model;
  std::vector<MethodSpec> methods;
  std::vector<MeasuredSample> samples;
};

const std::vector<MeasuredRun>& measured_runs();

// What the registry says of the methods that were measured, for this model: a press with forms of
// queries at every event, one that follows rows, others.
MethodCost cost_of(const MethodSpec& method, const MeasuredModel& model);

}  // namespace kvcompare
