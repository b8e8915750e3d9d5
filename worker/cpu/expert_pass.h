// The experts of a layer on a row tile.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/cpu/lane.h"
#include "worker/cpu/row_kernels.h"
#include "worker/model/decoder.h"
#include "worker/model/fused_layer.h"

namespace kvcompare {

// T: float or double. Rows that go to the same expert are multiplied together; what a row gets depends on no
// other row.
//   hidden : [n, d_model], n <= lane.n_rows
//   sum    : [n, d_model], written: for each row the sum of its experts, each times its weight, in the order
//   of
//            the experts
template <class T>
void pass_experts(Lane<T>& lane, const MlpShape& mlp, const FusedLayer& weights, const RowGating& gating,
                  const at::Tensor& hidden, const at::Tensor& sum);

}  // namespace kvcompare
