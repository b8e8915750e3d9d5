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

// A row that goes to an expert.
template <class T>
struct Routed {
  std::int64_t row;
  T weight;
};

// Softmax of the logits, in place.
template <class T>
void softmax(T* logits, std::int64_t n) {
  const T largest = *std::max_element(logits, logits + n);
  T sum = 0;
  for (std::int64_t e = 0; e < n; ++e) sum += logits[e] = std::exp(logits[e] - largest);
  for (std::int64_t e = 0; e < n; ++e) logits[e] /= sum;
}

// The rows of each expert. logits: [n, n_experts], overwritten.
template <class T>
std::vector<std::vector<Routed<T>>> route_rows(const ExpertsShape& shape, const at::Tensor& logits) {
  std::vector<std::vector<Routed<T>>> of_experts(size(shape.n));
  std::vector<std::int64_t> order(size(shape.n));
  for (std::int64_t r = 0; r < logits.size(0); ++r) {
    T* weights = row<T>(logits, r);
    softmax(weights, shape.n);
    std::iota(order.begin(), order.end(), 0);
    const auto end = order.begin() + shape.n_chosen;
    std::partial_sort(order.begin(), end, order.end(), [&](std::int64_t a, std::int64_t b) {
      return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
    });
    T sum = 1;
    if (shape.sums_to_one)
      sum = std::accumulate(order.begin(), end, T{0},
                            [&](T part, std::int64_t e) { return part + weights[e]; });
    for (auto e = order.begin(); e != end; ++e) of_experts[size(*e)].push_back({r, weights[*e] / sum});
  }
  return of_experts;
}

}  // namespace

template <class T>
void pass_experts(Lane<T>& lane, const MlpShape& mlp, const FusedLayer& weights, const RowGating& gating,
                  const at::Tensor& hidden, const at::Tensor& sum) {
  const auto d_model = hidden.size(1), width = mlp.width;
  const auto logits = matrix_in(lane.router, hidden.size(0), mlp.experts.n);
  lane.products.multiply(hidden, weights.router, logits);
  if (weights.router_bias.defined()) logits.add_(weights.router_bias);
  const auto of_experts = route_rows<T>(mlp.experts, logits);
  sum.zero_();
  for (std::int64_t e = 0; e < mlp.experts.n; ++e) {
    const auto& routed = of_experts[size(e)];
    if (routed.empty()) continue;
    const auto n = std::ssize(routed);
    const auto rows = matrix_in(lane.expert_rows, n, d_model);
    for (std::int64_t i = 0; i < n; ++i)
      std::copy_n(row<T>(hidden, routed[size(i)].row), d_model, row<T>(rows, i));
    const auto gate_up = matrix_in(lane.gate_up, n, 2 * width), gated = matrix_in(lane.gated, n, width);
    lane.products.multiply(rows, weights.gate_up[e], gate_up);
    if (mlp.experts.has_bias) gate_up.add_(weights.gate_up_bias.narrow(0, e * 2 * width, 2 * width));
    for (std::int64_t i = 0; i < n; ++i)
      gate_row(gating, row<T>(gate_up, i), row<T>(gate_up, i) + width, size(width), row<T>(gated, i));
    lane.products.multiply(gated, weights.down[e], rows);
    if (mlp.experts.has_bias) rows.add_(weights.down_bias.narrow(0, e * d_model, d_model));
    for (std::int64_t i = 0; i < n; ++i) {
      const T* out = row<T>(rows, i);
      T* to = row<T>(sum, routed[size(i)].row);
      for (std::int64_t c = 0; c < d_model; ++c) to[c] += routed[size(i)].weight * out[c];
    }
  }
}

template void pass_experts(Lane<float>&, const MlpShape&, const FusedLayer&, const RowGating&,
                           const at::Tensor&, const at::Tensor&);
template void pass_experts(Lane<double>&, const MlpShape&, const FusedLayer&, const RowGating&,
                           const at::Tensor&, const at::Tensor&);

}  // namespace kvcompare
