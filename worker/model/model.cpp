#include "worker/model/model.h"

#include <optional>
#include <utility>
#include <vector>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>

#include "worker/model/ropes.h"

namespace kvcompare {
namespace {

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
}

// [n_tokens, n_heads * d_head] -> [n_heads, n_tokens, d_head]
at::Tensor split_heads(const at::Tensor& x, std::int64_t head_dim) {
  return x.unflatten(1, {-1, head_dim}).transpose(0, 1);
}

}  // namespace

Model::Model(Decoder decoder, ModelWeights weights)
    : decoder_(std::move(decoder)),
      weights_(std::move(weights)),
      ropes_(ropes_of(decoder_, weights_.embedding.device())) {}

AttentionRule Model::rule(LayerIndex index) const { return rule_of(decoder_.layer(index.value), ropes_); }

at::Tensor Model::embed(std::span<const TokenId> ids) const {
  const auto index =
      at::from_blob(const_cast<TokenId*>(ids.data()), {static_cast<std::int64_t>(ids.size())}, at::kLong);
  return weights_.embedding.index_select(0, index.to(weights_.embedding.device()));
}

// RMSNorm (arXiv 1910.07467), in float32 at least.
at::Tensor Model::norm(const at::Tensor& x, const at::Tensor& weight) const {
  const auto wide = x.to(at::toOpMathType(x.scalar_type()));
  const auto scale = (wide.square().mean(-1, /*keepdim=*/true) + decoder_.rms_norm_eps).rsqrt();
  return (wide * scale).to(x.scalar_type()) * weight;
}

LayerView Model::project(LayerIndex index, SampleIndex sample, std::int64_t first_position,
                         const at::Tensor& x) const {
  const auto& w = layer(index);
  const auto& shape = decoder_.layer(index.value);
  LayerView view;
  view.rule = rule(index);
  view.layer = index;
  view.sample = sample;
  view.first_position = first_position;
  view.n_kv_heads = shape.heads.n_kv_heads;
  view.n_tokens = x.size(0);
  view.device = x.device();
  view.hidden = norm(x, w.input_norm);
  view.raw_q = split_heads(linear(view.hidden, w.q, w.q_bias), shape.heads.head_dim);
  view.raw_k = split_heads(linear(view.hidden, w.k, w.k_bias), shape.heads.head_dim);
  view.v = split_heads(linear(view.hidden, w.v, w.v_bias), shape.heads.head_dim);
  if (shape.has_qk_norm) {
    view.raw_q = norm(view.raw_q, w.q_norm);
    view.raw_k = norm(view.raw_k, w.k_norm);
  }
  const auto rotation = view.rule.rope->at(first_position, x.size(0));
  view.q = rotate(view.raw_q, rotation);
  view.k = rotate(view.raw_k, rotation);
  return view;
}

at::Tensor Model::finish_layer(LayerIndex index, const at::Tensor& x, const at::Tensor& heads) const {
  const auto& w = layer(index);
  const auto attended = x + linear(heads.transpose(0, 1).flatten(1), w.o, w.o_bias);
  const auto hidden = norm(attended, w.post_attention_norm);
  const auto gated = at::silu(linear(hidden, w.gate, w.gate_bias)) * linear(hidden, w.up, w.up_bias);
  return attended + linear(gated, w.down, w.down_bias);
}

at::Tensor Model::value_norms(LayerIndex index, const at::Tensor& v) const {
  const auto wide = at::toOpMathType(v.scalar_type());
  const auto& heads = decoder_.layer(index.value).heads;
  std::vector<at::Tensor> norms;  // head by head: all [n_tokens, d_model] at once may be large
  for (std::int64_t h = 0; h < heads.n_heads; ++h) {
    const auto w =
        layer(index).o.narrow(1, h * heads.head_dim, heads.head_dim).to(wide);  // [d_model, d_head]
    norms.push_back(at::linalg_vector_norm(at::linear(v.select(0, h / heads.group()).to(wide), w), 2,
                                           at::IntArrayRef(-1)));
  }
  return at::stack(norms);
}

at::Tensor Model::last_hidden(const at::Tensor& x) const { return norm(x, weights_.final_norm); }

at::Tensor Model::logits(const at::Tensor& last_hidden) const {
  return at::linear(last_hidden, weights_.lm_head);
}

}  // namespace kvcompare
