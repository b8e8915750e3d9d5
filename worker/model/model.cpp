#include "worker/model/model.h"

#include <optional>
#include <utility>
#include <vector>

#include <ATen/OpMathType.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include "worker/model/activation.h"
#include "worker/model/logits.h"
#include "worker/model/routing.h"

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
    : decoder_(std::move(decoder)), weights_(std::move(weights)), ropes_(weights_.embedding.device()) {}

AttentionRule Model::rule(LayerIndex index, std::int64_t n_tokens) const {
  auto rule = rule_of(decoder_.layer(index.value), ropes_.of(decoder_, n_tokens));
  rule.sinks = layer(index).sinks;
  return rule;
}

at::Tensor Model::embed(std::span<const TokenId> ids) const {
  const auto index =
      at::from_blob(const_cast<TokenId*>(ids.data()), {static_cast<std::int64_t>(ids.size())}, at::kLong);
  const auto rows = weights_.embedding.index_select(0, index.to(weights_.embedding.device()));
  if (decoder_.embedding_multiplier == 1) return rows;
  return rows * embedding_multiplier_in(decoder_, rows.scalar_type());
}

// RMSNorm, in float32 at least.
at::Tensor Model::head_norm(const at::Tensor& x, const at::Tensor& weight) const {
  if (!weight.defined()) return x;
  const auto type = x.scalar_type(), wide_type = at::toOpMathType(type);
  const auto wide = x.to(wide_type);
  const auto scale = (wide.square().mean(-1, /*keepdim=*/true) + decoder_.norm.epsilon).rsqrt();
  if (decoder_.norm.offset == 0) return (wide * scale).to(type) * weight;
  return (wide * scale * (weight.to(wide_type) + decoder_.norm.offset)).to(type);
}

at::Tensor Model::norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const {
  if (decoder_.norm.kind == NormShape::Kind::kRms || !weight.defined()) return head_norm(x, weight);
  const auto wide_type = at::toOpMathType(x.scalar_type());
  const auto wide = x.to(wide_type);
  const auto centred = wide - wide.mean(-1, /*keepdim=*/true);
  const auto scale = (centred.square().mean(-1, /*keepdim=*/true) + decoder_.norm.epsilon).rsqrt();
  const auto normed = centred * scale * (weight.to(wide_type) + decoder_.norm.offset);
  return (bias.defined() ? normed + bias.to(wide_type) : normed).to(x.scalar_type());
}

LayerView Model::project(LayerIndex index, const PartOfSample& part, const at::Tensor& x) const {
  const auto& w = layer(index);
  const auto& shape = decoder_.layer(index.value);
  LayerView view;
  view.rule = rule(index, part.n_sample_tokens);
  view.layer = index;
  view.place = n_evicting_before(decoder_, index.value);
  view.sample = part.sample;
  view.first_position = part.first_position;
  view.n_kv_heads = shape.heads.n_kv_heads;
  view.n_tokens = x.size(0);
  view.device = x.device();
  view.hidden = norm(x, w.input_norm, w.input_norm_bias);
  const auto heads_of = [&](const at::Tensor& rows, const at::Tensor& norm_weight) {
    const auto d = shape.heads.head_dim;
    if (shape.qk_norm == QkNorm::kOfAllHeads) return split_heads(head_norm(rows, norm_weight), d);
    return head_norm(split_heads(rows, d), norm_weight);
  };
  view.raw_q = heads_of(linear(view.hidden, w.q, w.q_bias), w.q_norm);
  view.raw_k = heads_of(linear(view.hidden, w.k, w.k_bias), w.k_norm);
  view.v = split_heads(linear(view.hidden, w.v, w.v_bias), shape.heads.head_dim);
  const auto rotation = view.rule.rope->at(part.first_position, x.size(0));
  view.q = rotate(view.raw_q, view.rule.rope->for_queries(rotation, part.first_position));
  view.k = rotate(view.raw_k, rotation);
  return view;
}

at::Tensor Model::experts(const LayerShape& shape, const LayerWeights& w, const at::Tensor& x) const {
  const auto routing = route(shape.mlp.experts, linear(x, w.router, w.router_bias));
  const auto of_expert = [](const at::Tensor& all, std::int64_t e) { return all.defined() ? all[e] : all; };
  auto sum = at::zeros_like(x);
  for (std::int64_t e = 0; e < shape.mlp.experts.n; ++e) {
    const auto places = routing.experts.eq(e).nonzero();  // [n, 2]: token, and which choice of the token
    if (places.size(0) == 0) continue;
    const auto token = places.select(1, 0);
    const auto weight = routing.weights.index({token, places.select(1, 1)}).unsqueeze(1);
    const auto rows = x.index_select(0, token);
    at::Tensor gate, up;
    if (shape.mlp.experts.is_stacked) {
      const auto both = linear(rows, w.gate_up[e], of_expert(w.gate_up_bias, e));
      gate = both.narrow(1, 0, shape.mlp.width);
      up = both.narrow(1, shape.mlp.width, shape.mlp.width);
    } else {
      gate = at::linear(rows, w.gate[e]);
      up = at::linear(rows, w.up[e]);
    }
    const auto out = linear(gated(shape.mlp, w, gate, up), w.down[e], of_expert(w.down_bias, e));
    sum.index_add_(0, token, (out * weight).to(x.scalar_type()));
  }
  return sum;
}

at::Tensor Model::mlp(const LayerShape& shape, const LayerWeights& w, const at::Tensor& x) const {
  if (shape.mlp.has_experts()) return experts(shape, w, x);
  const auto gate = shape.mlp.is_gated ? linear(x, w.gate, w.gate_bias) : at::Tensor();
  return linear(gated(shape.mlp, w, gate, linear(x, w.up, w.up_bias)), w.down, w.down_bias);
}

at::Tensor Model::finish_layer(LayerIndex index, const at::Tensor& x, const at::Tensor& heads) const {
  const auto& w = layer(index);
  const auto& shape = decoder_.layer(index.value);
  const auto onto = [&](const at::Tensor& stream, const at::Tensor& delta) {
    return shape.residual_multiplier == 1 ? stream + delta : stream + delta * shape.residual_multiplier;
  };
  const auto attention = linear(heads.transpose(0, 1).flatten(1), w.o, w.o_bias);
  const auto attended = onto(x, norm(attention, w.attention_norm, w.attention_norm_bias));
  const auto hidden = shape.is_parallel ? norm(x, w.input_norm, w.input_norm_bias)
                                        : norm(attended, w.mlp_input_norm, w.mlp_input_norm_bias);
  return onto(attended, norm(mlp(shape, w, hidden), w.mlp_norm, w.mlp_norm_bias));
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

at::Tensor Model::last_hidden(const at::Tensor& x) const {
  return norm(x, weights_.final_norm, weights_.final_norm_bias);
}

at::Tensor Model::logits(const at::Tensor& last_hidden) const {
  auto logits = at::linear(last_hidden, weights_.lm_head);
  finish_logits(decoder_.logits, logits);
  return logits;
}

}  // namespace kvcompare
