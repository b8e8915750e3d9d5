// The activation function of an MLP by libtorch's operators.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/model/decoder.h"
#include "worker/model/layer_weights.h"

namespace kvcompare {

// The parameters of xIELU as engines compute with them: what softplus makes of the stored numbers.
struct XieluParameters {
  double alpha_p = 0;
  double alpha_n = 0;  // beta is in it
  double beta = 0;
  double epsilon = 0;  // at most 0
};

//   stored : [4], on the CPU in any precision: FusedLayer::activation
XieluParameters xielu_parameters(const at::Tensor& stored);

// activation(gate) * up, or activation(up) where the MLP has no gate and `gate` is undefined. In the type of
// up.
at::Tensor gated(const MlpShape& mlp, const LayerWeights& weights, const at::Tensor& gate,
                 const at::Tensor& up);

}  // namespace kvcompare
