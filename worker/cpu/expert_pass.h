// The experts of a layer on rows of a unit.
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

// Adds to the rows of `sum` that go to an expert what it gives them, each times its weight. They are
// multiplied together; what a row gets depends on no other row.
//   hidden, sum : [n, d_model]
template <class T>
void pass_expert(Lane<T>& lane, const MlpShape& mlp, const RowGating& gating, const ExpertWeights& weights,
                 std::span<const RoutedRow<T>> routed, const at::Tensor& hidden, const at::Tensor& sum);

}  // namespace kvcompare
