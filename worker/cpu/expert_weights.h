// One expert of a layer in the form that the tiled engine multiplies with.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Matrices lie as the products read them; biases are undefined where the layer's experts have none.
struct ExpertWeights {
  std::int64_t expert = 0;           // its number in the layer
  at::Tensor gate_up, gate_up_bias;  // [d_model, 2 * width], [2 * width]
  at::Tensor down, down_bias;        // [width, d_model], [d_model]
};

// In the order of their numbers.
using ExpertGroup = std::vector<ExpertWeights>;

}  // namespace kvcompare
