// How long a unit takes compared with another, before anything was measured. The scheduler corrects it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/run/method_cost.h"
#include "common/run/method_spec.h"

namespace kvcompare {

// What of a model matters.
struct CostShape {
  std::int64_t n_layers = 0;
  std::int64_t d_model = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;
};

struct CostModel {
  CostShape shape{};
  std::vector<MethodCost> methods{};  // in the order of the run's instances; a pass of the model if it ends
};

// An instance, as far as it decides what a unit costs.
struct CostedMethod {
  EvictionPolicy policy{};
  MethodCost cost{};
};

// Floating-point operations of the unit, some of them weighted by how slow they are; positive.
//   engine : "layerwise" or "stepwise"
double predicted_cost(const CostShape& shape, std::int64_t n_tokens, const CostedMethod& method,
                      std::int64_t chunk_size, const std::string& engine);

}  // namespace kvcompare
