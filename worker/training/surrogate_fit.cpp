#include "worker/training/surrogate_fit.h"

#include <cmath>
#include <filesystem>
#include <system_error>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randperm.h>
#include <c10/core/InferenceMode.h>

#include "worker/training/adamw.h"

namespace kvcompare {
namespace {

// Random weights, uniform within 1/sqrt(in), as torch.nn.Linear starts with.
KvzapSurrogate::Linear random_linear(std::int64_t out, std::int64_t in, const at::Generator& generator) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  const auto draw = [&](at::IntArrayRef sizes) {
    return (at::rand(sizes, generator, at::TensorOptions()) * 2 - 1) * bound;
  };
  return {draw({out, in}), draw({out})};
}

// The optimiser of a training whose weights are those of the layer.
AdamW optimiser_of(const KvzapSurrogate::Layer& layer) {
  NamedTensors weights;
  for (std::size_t i = 0; i < layer.linears.size(); ++i) {
    weights.emplace_back(std::to_string(2 * i) + ".weight", layer.linears[i].weight);
    weights.emplace_back(std::to_string(2 * i) + ".bias", layer.linears[i].bias);
  }
  return AdamW(weights, {});
}

}  // namespace

KvzapSurrogate::Layer fit_linear(const LayerTargets& targets, double ridge) {
  const c10::InferenceMode no_autograd;
  const auto x = targets.hidden.to(at::kDouble), y = targets.scores.to(at::kDouble);
  const auto x_mean = x.mean(0), y_mean = y.mean(0);
  const auto centred = x - x_mean;
  const auto gram = at::matmul(centred.t(), centred) + ridge * at::eye(x.size(1), x.options());
  const auto weight = at::cholesky_solve(at::matmul(centred.t(), y - y_mean), at::linalg_cholesky(gram))
                          .t();  // [n_kv_heads, d_model]
  const auto bias = y_mean - at::matmul(weight, x_mean);
  KvzapSurrogate::Layer layer;
  layer.linears.push_back({weight.to(at::kFloat).contiguous(), bias.to(at::kFloat)});
  return layer;
}

KvzapSurrogate::Layer fit_mlp(const LayerTargets& targets, const MlpFitOptions& options,
                              const std::filesystem::path& state, const std::function<bool()>& go_on) {
  const auto hidden = targets.hidden.to(options.device), scores = targets.scores.to(options.device);
  const auto n = hidden.size(0);
  const auto first = at::detail::createCPUGenerator(options.seed);
  KvzapSurrogate::Layer layer;
  layer.linears = {random_linear(options.hidden_dim, hidden.size(1), first),
                   random_linear(scores.size(1), options.hidden_dim, first)};
  layer.linears.back().bias += targets.scores.mean(0);  // then the rest, which is to be learned, is centred
                                                        // at zero
  for (auto& linear : layer.linears)
    for (auto* tensor : {&linear.weight, &linear.bias})
      *tensor = tensor->to(options.device).set_requires_grad(true);

  auto optimiser = optimiser_of(layer);
  std::error_code error;
  if (std::filesystem::exists(state, error) || error) optimiser.load(SafetensorsFile(state));
  const auto steps_an_epoch = (n + options.batch_size - 1) / options.batch_size;
  const auto n_steps = options.n_epochs * steps_an_epoch;
  for (auto epoch = optimiser.n_steps() / steps_an_epoch; epoch < options.n_epochs; ++epoch) {
    const auto shuffle = at::detail::createCPUGenerator(options.seed + 1 + static_cast<std::uint64_t>(epoch));
    const auto order = at::randperm(n, shuffle, at::TensorOptions(at::kLong)).to(options.device);
    for (std::int64_t begin = 0; begin < n; begin += options.batch_size) {
      const auto batch = order.narrow(0, begin, std::min(options.batch_size, n - begin));
      const auto loss =
          at::mse_loss(predict(layer, hidden.index_select(0, batch)), scores.index_select(0, batch));
      const auto progress = static_cast<double>(optimiser.n_steps()) / static_cast<double>(n_steps);
      optimiser.step(loss, options.learning_rate * cosine_decay(progress, 0));
    }
    write_safetensors(state, optimiser.state());
    if (!go_on()) return {};
  }
  for (auto& linear : layer.linears) linear = {linear.weight.detach().cpu(), linear.bias.detach().cpu()};
  return layer;
}

std::vector<double> r_squared(const KvzapSurrogate::Layer& layer, const LayerTargets& targets) {
  const c10::InferenceMode no_autograd;
  const auto errors = (predict(layer, targets.hidden) - targets.scores).to(at::kDouble);
  const auto scores = targets.scores.to(at::kDouble);
  const auto r2 = (1 - errors.square().sum(0) / (scores - scores.mean(0)).square().sum(0)).contiguous();
  return {r2.const_data_ptr<double>(), r2.const_data_ptr<double>() + r2.numel()};
}

}  // namespace kvcompare
