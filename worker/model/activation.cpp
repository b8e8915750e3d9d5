#include "worker/model/activation.h"

#include <cmath>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/where.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

at::Tensor xielu(const LayerWeights& w, const at::Tensor& x) {
  const auto wide = at::toOpMathType(x.scalar_type());
  const auto y = x.to(wide);
  const auto beta = w.activation_beta.to(wide);
  const auto alpha_p = at::softplus(w.activation_p.to(wide));
  const auto alpha_n = beta + at::softplus(w.activation_n.to(wide));
  const auto below = at::expm1(at::clamp_max(y, w.activation_epsilon.to(wide)));
  return at::where(y > 0, alpha_p * y * y + beta * y, (below - y) * alpha_n + beta * y).to(x.scalar_type());
}

at::Tensor clamped_swiglu(const SwigluClamp& clamp, const at::Tensor& gate, const at::Tensor& up) {
  const auto x = gate.clamp_max(clamp.limit);
  return (up.clamp(-clamp.limit, clamp.limit) + 1) * (x * at::sigmoid(x * clamp.alpha));
}

double softplus(double x) { return std::log1p(std::exp(x)); }

}  // namespace

XieluParameters xielu_parameters(const at::Tensor& stored) {
  const auto numbers = stored.to(at::kDouble);
  const auto* p = numbers.const_data_ptr<double>();
  return {.alpha_p = softplus(p[0]), .alpha_n = p[2] + softplus(p[1]), .beta = p[2], .epsilon = p[3]};
}

namespace {

at::Tensor activate(Activation activation, const LayerWeights& weights, const at::Tensor& x) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kSquaredRelu:
      return at::relu(x).square();
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kXielu:
      return xielu(weights, x);
    case Activation::kClampedSwiglu:
      break;
  }
  throw InvariantError("an activation of one argument is one of those listed");
}

}  // namespace

at::Tensor gated(const MlpShape& mlp, const LayerWeights& weights, const at::Tensor& gate,
                 const at::Tensor& up) {
  if (mlp.activation == Activation::kClampedSwiglu) return clamped_swiglu(mlp.clamp, gate, up);
  return mlp.is_gated ? activate(mlp.activation, weights, gate) * up : activate(mlp.activation, weights, up);
}

}  // namespace kvcompare
