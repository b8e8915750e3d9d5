// The experts of a layer on a row tile.
#pragma once

#include <span>

#include <ATen/core/Tensor.h>

#include "worker/cpu/expert_weights.h"
#include "worker/cpu/lane.h"
#include "worker/cpu/row_kernels.h"
#include "worker/cpu/tile_routing.h"
#include "worker/model/decoder.h"
#include "worker/model/fused_layer.h"

namespace kvcompare {

// By the layer's router. T: float or double.
//   hidden : [n, d_model], n <= lane.n_rows
template <class T>
TileRouting<T> route_rows(Lane<T>& lane, const ExpertsShape& shape, const FusedLayer& weights,
                          const at::Tensor& hidden);

template <class T>
struct ExpertTile {
  const TileRouting<T>& routing;
  at::Tensor hidden;  // [n, d_model], n <= lane.n_rows
  at::Tensor sum;     // [n, d_model]
};

// Adds to each row of tile.sum what those `experts` give that the row goes to, each times its weight, in the
// order of the experts. So all experts may come at once, or group after group. Rows that go to the same
// expert are multiplied together; what a row gets depends on no other row.
template <class T>
void pass_experts(Lane<T>& lane, const MlpShape& mlp, const RowGating& gating,
                  std::span<const ExpertWeights> experts, const ExpertTile<T>& tile);

}  // namespace kvcompare
