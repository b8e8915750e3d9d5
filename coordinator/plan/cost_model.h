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
  std::int64_t n_weights = 0;         // that a token is multiplied with: matrices of all layers, and the head
  std::int64_t n_query_channels = 0;  // of all query heads of all layers
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
