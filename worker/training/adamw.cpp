#include "worker/training/adamw.h"

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr const char* kSteps = "n_steps";

NamedTensors zeros_of(const NamedTensors& weights, const std::string& prefix) {
  NamedTensors zeros;
  for (const auto& [name, tensor] : weights)
    zeros.emplace_back(prefix + name, at::zeros_like(tensor.detach()));
  return zeros;
}

void copy_stored(const SafetensorsFile& file, const std::string& name, const at::Tensor& into) {
  const auto stored = file.tensor(name);
  if (stored.sizes() != into.sizes())
    throw CheckpointError(file.path().string(), name, "has another shape than this training gives it");
  into.detach().copy_(stored);
}

}  // namespace

AdamW::AdamW(NamedTensors weights, AdamWOptions options)
    : weights_(std::move(weights)),
      first_moments_(zeros_of(weights_, "first_moment.")),
      second_moments_(zeros_of(weights_, "second_moment.")),
      options_(options) {}

double AdamW::step(const at::Tensor& loss, double learning_rate) {
  loss.backward();
  std::vector<at::Tensor> norms;
  for (const auto& [name, tensor] : weights_) norms.push_back(at::linalg_vector_norm(tensor.grad()));
  const double norm = at::linalg_vector_norm(at::stack(norms)).item<double>();
  const double cut = norm > options_.gradient_norm ? options_.gradient_norm / norm : 1;

  ++n_steps_;
  for (const bool is_matrix : {true, false}) {
    std::vector<at::Tensor> weights, gradients, first, second, steps;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const auto& weight = weights_[i].second;
      if ((weight.dim() > 1) != is_matrix) continue;
      weights.push_back(weight.detach());
      gradients.push_back(cut < 1 ? weight.grad().mul_(cut) : weight.grad());
      first.push_back(first_moments_[i].second);
      second.push_back(second_moments_[i].second);
      steps.push_back(at::full({}, static_cast<double>(n_steps_),
                               weight.options().requires_grad(false).dtype(at::kFloat)));
    }
    if (weights.empty()) continue;
    at::_fused_adamw_(weights, gradients, first, second, {}, steps, learning_rate, options_.beta1,
                      options_.beta2, is_matrix ? options_.weight_decay : 0, options_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
  for (const auto& [name, tensor] : weights_) tensor.mutable_grad().reset();
  return norm;
}

NamedTensors AdamW::state() const {
  NamedTensors all = weights_;
  all.insert(all.end(), first_moments_.begin(), first_moments_.end());
  all.insert(all.end(), second_moments_.begin(), second_moments_.end());
  all.emplace_back(kSteps, at::full({1}, static_cast<double>(n_steps_), at::kDouble));
  return all;
}

void AdamW::load(const SafetensorsFile& file) {
  for (const auto* group : {&weights_, &first_moments_, &second_moments_})
    for (const auto& [name, tensor] : *group) copy_stored(file, name, tensor);
  n_steps_ = static_cast<std::int64_t>(file.tensor(kSteps).item<double>());
}

double cosine_decay(double progress, double final_share) {
  return final_share + (1 - final_share) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace kvcompare
