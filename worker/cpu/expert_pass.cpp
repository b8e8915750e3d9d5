#include "worker/cpu/expert_pass.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <ATen/TensorOperators.h>

#include "common/size.h"
#include "worker/cpu/tile_rows.h"

namespace kvcompare {
namespace {

// Softmax of the logits, in place.
template <class T>
void softmax(T* logits, std::int64_t n) {
  const T largest = *std::max_element(logits, logits + n);
  T sum = 0;
  for (std::int64_t e = 0; e < n; ++e) sum += logits[e] = std::exp(logits[e] - largest);
  for (std::int64_t e = 0; e < n; ++e) logits[e] /= sum;
}

}  // namespace

template <class T>
TileRouting<T> route_rows(Lane<T>& lane, const ExpertsShape& shape, const FusedLayer& weights,
                          const at::Tensor& hidden) {
  const auto logits = matrix_in(lane.router, hidden.size(0), shape.n);
  lane.products.multiply(hidden, weights.router, logits);
  if (weights.router_bias.defined()) logits.add_(weights.router_bias);
  TileRouting<T> of_experts(size(shape.n));
  std::vector<std::int64_t> order(size(shape.n));
  std::vector<T> worth(size(shape.n));
  for (std::int64_t r = 0; r < logits.size(0); ++r) {
    T* weight = row<T>(logits, r);
    std::copy_n(weight, shape.n, worth.begin());
    softmax(weight, shape.n);
    // A logit that is no number makes none of all weights; then there is no order of logits to sort by.
    if (!shape.chooses_by_logits || std::isnan(weight[0])) std::copy_n(weight, shape.n, worth.begin());
    std::iota(order.begin(), order.end(), 0);
    const auto end = order.begin() + shape.n_chosen;
    std::partial_sort(order.begin(), end, order.end(), [&](std::int64_t a, std::int64_t b) {
      return worth[size(a)] > worth[size(b)] || (worth[size(a)] == worth[size(b)] && a < b);
    });
    T sum = 1;
    if (shape.sums_to_one)
      sum =
          std::accumulate(order.begin(), end, T{0}, [&](T part, std::int64_t e) { return part + weight[e]; });
    for (auto e = order.begin(); e != end; ++e) of_experts[size(*e)].push_back({r, weight[*e] / sum});
  }
  return of_experts;
}

template <class T>
void pass_expert(Lane<T>& lane, const MlpShape& mlp, const RowGating& gating, const ExpertWeights& weights,
                 std::span<const RoutedRow<T>> routed, const at::Tensor& hidden, const at::Tensor& sum) {
  const auto d_model = hidden.size(1), width = mlp.width;
  while (!routed.empty()) {
    // Parts of much the same size, because the weights are read once for each.
    const auto n_parts = (std::ssize(routed) - 1) / lane.n_expert_rows + 1;
    const auto part = routed.first(size((std::ssize(routed) - 1) / n_parts + 1));
    routed = routed.subspan(part.size());
    const auto n = std::ssize(part);
    const auto rows = matrix_in(lane.expert_rows, n, d_model);
    for (std::int64_t i = 0; i < n; ++i)
      std::copy_n(row<T>(hidden, part[size(i)].row), d_model, row<T>(rows, i));
    const auto gate_up = matrix_in(lane.gate_up, n, 2 * width), gated = matrix_in(lane.gated, n, width);
    lane.products.multiply(rows, weights.gate_up, gate_up);
    if (weights.gate_up_bias.defined()) gate_up.add_(weights.gate_up_bias);
    for (std::int64_t i = 0; i < n; ++i)
      gate_row(gating, row<T>(gate_up, i), row<T>(gate_up, i) + width, size(width), row<T>(gated, i));
    lane.products.multiply(gated, weights.down, rows);
    if (weights.down_bias.defined()) rows.add_(weights.down_bias);
    for (std::int64_t i = 0; i < n; ++i) {
      const T* out = row<T>(rows, i);
      T* to = row<T>(sum, part[size(i)].row);
      for (std::int64_t c = 0; c < d_model; ++c) to[c] += part[size(i)].weight * out[c];
    }
  }
}

template TileRouting<float> route_rows(Lane<float>&, const ExpertsShape&, const FusedLayer&,
                                       const at::Tensor&);
template TileRouting<double> route_rows(Lane<double>&, const ExpertsShape&, const FusedLayer&,
                                        const at::Tensor&);
template void pass_expert(Lane<float>&, const MlpShape&, const RowGating&, const ExpertWeights&,
                          std::span<const RoutedRow<float>>, const at::Tensor&, const at::Tensor&);
template void pass_expert(Lane<double>&, const MlpShape&, const RowGating&, const ExpertWeights&,
                          std::span<const RoutedRow<double>>, const at::Tensor&, const at::Tensor&);

}  // namespace kvcompare
