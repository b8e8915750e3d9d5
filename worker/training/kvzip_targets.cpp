#include "worker/training/kvzip_targets.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/log.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include "worker/model/attention_weights.h"
#include "worker/model/unseen_keys.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kRowsAtOnce = 256;  // number of queries whose attention weights are in memory at once

// What libtorch's attention does not know. Head by head: weights of all heads may not fit. Returns
// [n_heads, n_tokens, d_head].
at::Tensor attention_by_rule(const LayerView& view, std::int64_t group) {
  const auto positions = at::arange(view.n_tokens, view.q.options().dtype(at::kLong));
  const auto unseen = unseen_keys(positions, positions, view.rule.window);
  std::vector<at::Tensor> heads;
  for (std::int64_t h = 0; h < view.q.size(0); ++h) {
    const auto products = view.q.narrow(0, h, 1).matmul(view.k.select(0, h / group).t());
    const auto weights = attention_weights(products, unseen, view.rule.of_heads(h, 1));
    heads.push_back(weights[0].to(view.q.scalar_type()).matmul(view.v.select(0, h / group)));
  }
  return at::stack(heads);
}

// [n_heads, n_tokens, d_head]
at::Tensor attention(const LayerView& view, std::int64_t group) {
  const auto wide = [&](const at::Tensor& x) { return x.repeat_interleave(group, 0).unsqueeze(0); };
  const auto& window = view.rule.window;
  if (view.rule.cap || view.rule.sinks.defined()) return attention_by_rule(view, group);
  std::optional<at::Tensor> seen;  // absent: all keys up to the query's own
  if (window) {
    const auto positions = at::arange(view.n_tokens, view.q.options().dtype(at::kLong));
    seen = unseen_keys(positions, positions, window).logical_not();
  }
  return at::scaled_dot_product_attention(view.q.unsqueeze(0), wide(view.k), wide(view.v), seen, 0.0,
                                          /*is_causal=*/!seen, view.rule.scale.factor())
      .squeeze(0);
}

// For each key of the context, the largest a_ij / |hidden_i| over the queries i of the repetition.
//   returns : [n_heads, n_context], float32 or wider
at::Tensor largest_weights(const LayerView& view, const RepeatedPrompt& prompt) {
  const auto wide = at::toOpMathType(view.q.scalar_type());
  const auto n_heads = view.q.size(0), n_tokens = view.q.size(1), group = n_heads / view.k.size(0);
  const auto keys = at::arange(n_tokens, view.q.options().dtype(at::kLong));
  std::vector<at::Tensor> heads;
  for (std::int64_t h = 0; h < n_heads; ++h) {
    const auto k = view.k.select(0, h / group).to(wide);
    auto largest = at::zeros({prompt.n_context}, view.q.options().dtype(wide));
    for (auto begin = prompt.repeat_begin; begin < n_tokens; begin += kRowsAtOnce) {
      const auto n_rows = std::min(kRowsAtOnce, n_tokens - begin);
      const auto q = view.q.select(0, h).narrow(0, begin, n_rows).to(wide);
      const auto unseen = unseen_keys(keys.narrow(0, begin, n_rows), keys, view.rule.window);
      const auto given =
          attention_weights(at::matmul(q, k.t()).unsqueeze(0), unseen, view.rule.of_heads(h, 1));
      const auto size =
          at::linalg_vector_norm(view.hidden.narrow(0, begin, n_rows).to(wide), 2, at::IntArrayRef(-1));
      const auto weights = given[0].narrow(1, 0, prompt.n_context) / size.unsqueeze(1);
      largest = at::maximum(largest, weights.amax(0));
    }
    heads.push_back(largest);
  }
  return at::stack(heads);
}

void check_finite(const at::Tensor& values, const char* what, std::int64_t layer,
                  const RepeatedPrompt& prompt) {
  if (!at::isfinite(values).all().item<bool>())
    throw std::domain_error("sample " + std::to_string(prompt.sample.value) + ": a " + what + " of layer " +
                            std::to_string(layer) + " is not finite");
}

LayerTargets targets_of(const Model& model, const LayerView& view, const RepeatedPrompt& prompt) {
  const auto n_kv_heads = view.k.size(0);
  const auto contributions =
      largest_weights(view, prompt) * model.value_norms(view.layer, view.v.narrow(1, 0, prompt.n_context));
  const auto scores =
      contributions.unflatten(0, {n_kv_heads, -1}).amax(1).clamp_min(std::numeric_limits<float>::min());
  const auto positions = at::tensor(prompt.positions, at::kLong).to(view.hidden.device());
  LayerTargets targets{
      .hidden = view.hidden.index_select(0, positions).to(at::kFloat).cpu(),
      .scores = scores.log().index_select(1, positions).t().to(at::kFloat).cpu().contiguous()};
  check_finite(targets.hidden, "hidden state", view.layer.value, prompt);
  check_finite(targets.scores, "score", view.layer.value, prompt);
  return targets;
}

}  // namespace

std::vector<LayerTargets> kvzip_targets(const Model& model, const RepeatedPrompt& prompt) {
  const c10::InferenceMode no_autograd;
  const auto& decoder = model.decoder();
  std::vector<LayerTargets> targets;
  auto x = model.embed(prompt.ids);
  const PartOfSample whole{.sample = prompt.sample, .n_sample_tokens = std::ssize(prompt.ids)};
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
    const auto view = model.project(LayerIndex(l), whole, x);
    targets.push_back(targets_of(model, view, prompt));
    if (l + 1 < decoder.n_layers())
      x = model.finish_layer(LayerIndex(l), x, attention(view, decoder.layer(l).heads.group()));
  }
  return targets;
}

}  // namespace kvcompare
