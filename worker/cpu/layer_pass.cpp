#include "worker/cpu/layer_pass.h"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <ATen/TensorOperators.h>

#include "common/size.h"
#include "worker/cpu/expert_pass.h"
#include "worker/cpu/row_kernels.h"
#include "worker/cpu/tile_rows.h"

namespace kvcompare {
namespace {

void add_if_any(const at::Tensor& rows, const at::Tensor& bias) {
  if (bias.defined()) rows.add_(bias);
}

template <class T>
std::int64_t rows_of_tile(const Lane<T>& lane, const UnitInFlight<T>& unit, std::int64_t begin) {
  return std::min(lane.n_rows, unit.n_tokens() - begin);
}

}  // namespace

template <class T>
LayerPass<T>::LayerPass(const Decoder& decoder, LayerIndex layer, const FusedLayer& weights,
                        const RotationTables& rotations)
    : decoder_(decoder),
      index_(layer),
      place_(n_evicting_before(decoder, layer.value)),
      shape_(decoder.layer(layer.value)),
      w_(weights),
      rotations_(rotations) {
  gating_.activation = shape_.mlp.activation;
  gating_.clamp = shape_.mlp.clamp;
  if (w_.activation.defined()) gating_.xielu = xielu_parameters(w_.activation);
}

template <class T>
void LayerPass<T>::project(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const {
  const auto n = rows_of_tile(lane, unit, begin);
  const auto hidden = normed(lane, unit.x.narrow(0, begin, n), w_.input_norm, w_.input_norm_bias);
  const auto qkv = matrix_in(lane.qkv, n, shape_.heads.qkv_width());
  lane.products.multiply(hidden, w_.qkv, qkv);
  add_if_any(qkv, w_.qkv_bias);
  if (!all_finite(row<T>(qkv, 0), size(qkv.numel())))
    throw std::domain_error("layer " + std::to_string(index_.value) +
                            ": a query, key or value is not finite; a wider --dtype may help");
  const auto& rotation = rotations_.of(shape_, unit.n_tokens());
  for (std::int64_t r = 0; r < n; ++r) distribute(unit, rotation, row<T>(qkv, r), begin + r);
  if (shape_.evicts) unit.schedule->see(what_is_needed(tile(hidden, qkv, unit, begin), unit.needs.tile));
}

// One token's q, k, v, side by side, to where they are kept; q and k normed in place.
template <class T>
void LayerPass<T>::distribute(UnitInFlight<T>& unit, const LayerRotation& rotation, T* qkv,
                              std::int64_t position) const {
  const auto& heads = shape_.heads;
  const auto d = heads.head_dim;
  const auto n_pairs = size(d / 2);
  const auto rotate = [&](const Rotation& by, T* out) {
    rotate_row(qkv, row<T>(by.cos, position), row<T>(by.sin, position), n_pairs, out);
  };
  const auto norm = [&](const at::Tensor& weight) {
    rms_norm_row(qkv, weight.const_data_ptr<T>(), decoder_.norm.epsilon, size(weight.numel()), qkv);
  };
  const bool norms_each = shape_.qk_norm == QkNorm::kOfEachHead;
  const bool norms_all = shape_.qk_norm == QkNorm::kOfAllHeads;
  if (norms_all) norm(w_.q_norm);
  for (std::int64_t h = 0; h < heads.n_heads; ++h, qkv += d) {
    if (norms_each) norm(w_.q_norm);
    if (unit.needs.layer.raw_q) std::copy_n(qkv, d, row<T>(unit.raw_q, position) + h * d);
    rotate(rotation.q, row<T>(unit.q, position) + h * d);
  }
  if (norms_all) norm(w_.k_norm);
  for (std::int64_t h = 0; h < heads.n_kv_heads; ++h, qkv += d) {
    if (norms_each) norm(w_.k_norm);
    rotate(rotation.k, row<T>(unit.k, h) + position * d);
  }
  for (std::int64_t h = 0; h < heads.n_kv_heads; ++h, qkv += d)
    std::copy_n(qkv, d, row<T>(unit.v, h) + position * d);
}

// [n, heads * d_head] -> [heads, n, d_head]
template <class T>
at::Tensor LayerPass<T>::split_heads(const at::Tensor& rows) const {
  return rows.unflatten(1, {-1, shape_.heads.head_dim}).transpose(0, 1);
}

// Behind distribute(). Views alone: nothing is copied.
template <class T>
LayerView LayerPass<T>::tile(const at::Tensor& hidden, const at::Tensor& qkv, const UnitInFlight<T>& unit,
                             std::int64_t begin) const {
  const auto n = qkv.size(0), n_heads = shape_.heads.n_heads, n_kv_heads = shape_.heads.n_kv_heads;
  return {.hidden = hidden,
          .raw_q = split_heads(qkv).narrow(0, 0, n_heads),
          .raw_k = split_heads(qkv).narrow(0, n_heads, n_kv_heads),
          .q = split_heads(unit.q.narrow(0, begin, n)),
          .k = unit.k.narrow(1, begin, n),
          .v = unit.v.narrow(1, begin, n),
          .n_kv_heads = n_kv_heads,
          .n_tokens = n,
          .device = at::kCPU,
          .layer = index_,
          .place = place_,
          .sample = unit.sample.index,
          .first_position = begin,
          .rule = rule(unit)};
}

// All tokens. Views alone: nothing is copied.
template <class T>
LayerView LayerPass<T>::whole(const UnitInFlight<T>& unit) const {
  const auto queries = [&](const at::Tensor& q, bool is_needed) {
    return is_needed ? split_heads(q) : at::Tensor();
  };
  return {.hidden = {},
          .raw_q = queries(unit.raw_q, unit.needs.layer.raw_q),
          .raw_k = {},
          .q = queries(unit.q, unit.needs.layer.q),
          .k = unit.k,
          .v = unit.v,
          .n_kv_heads = shape_.heads.n_kv_heads,
          .n_tokens = unit.n_tokens(),
          .device = at::kCPU,
          .layer = index_,
          .place = place_,
          .sample = unit.sample.index,
          .first_position = 0,
          .rule = rule(unit)};
}

template <class T>
AttentionRule LayerPass<T>::rule(const UnitInFlight<T>& unit) const {
  auto rule = rotations_.rule(shape_, unit.n_tokens());
  rule.sinks = w_.sinks;
  return rule;
}

template <class T>
std::unique_ptr<Rounds> LayerPass<T>::decide(UnitInFlight<T>& unit) const {
  if (!shape_.evicts) {
    unit.deaths.fill_(kNever);
    return nullptr;
  }
  return unit.schedule->decide(what_is_needed(whole(unit), unit.needs.layer),
                               {.first = row<DeathTime>(unit.deaths, 0),
                                .n_kv_heads = shape_.heads.n_kv_heads,
                                .n_tokens = unit.n_tokens()});
}

template <class T>
void LayerPass<T>::account(UnitInFlight<T>& unit, const DeathObserver& observe_deaths) const {
  const auto n = unit.n_tokens();
  const auto window = shape_.window.value_or(n);
  for (std::int64_t h = 0; h < shape_.heads.n_kv_heads; ++h) {
    const std::span<const DeathTime> deaths(row<DeathTime>(unit.deaths, h), size(n));
    if (shape_.evicts) {
      unit.ledger.add_head(deaths);
      if (observe_deaths) observe_deaths(index_, h, deaths);
    }
    auto* until = row<std::int32_t>(unit.until, h);
    for (std::int64_t j = 0; j < n; ++j)
      until[j] = static_cast<std::int32_t>(std::min(unit.chunking.sees_until(deaths[size(j)]), j + window));
  }
}

template <class T>
void LayerPass<T>::attend(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t kv_head,
                          std::int64_t first_query) const {
  const AttentionHeads<T> heads{.n_heads = shape_.heads.n_heads,
                                .n_kv_heads = shape_.heads.n_kv_heads,
                                .n_tokens = unit.n_tokens(),
                                .d_head = shape_.heads.head_dim,
                                .scale = shape_.scale,
                                .cap = shape_.cap,
                                .sinks = shape_.has_sinks ? row<T>(w_.sinks, 0) : nullptr,
                                .q = row<T>(unit.q, 0),
                                .k = row<T>(unit.k, 0),
                                .v = row<T>(unit.v, 0),
                                .until = row<std::int32_t>(unit.until, 0),
                                .out = row<T>(unit.heads, 0)};
  if constexpr (std::is_same_v<T, float>)
    if (lane.attends_in_bfloat16 && !heads.cap && !heads.sinks)
      return interval_attention_tile(heads, kv_head, first_query, lane.bfloat16_attention);
  interval_attention_tile(heads, kv_head, first_query, lane.attention);
}

template <class T>
void LayerPass<T>::finish(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const {
  const auto hidden = add_attention(lane, unit, begin);
  const auto n = hidden.size(0), width = shape_.mlp.width;
  const auto x = unit.x.narrow(0, begin, n);
  const auto gate_up = matrix_in(lane.gate_up, n, (shape_.mlp.is_gated ? 2 : 1) * width);
  const auto gated = matrix_in(lane.gated, n, width);
  lane.products.multiply(hidden, w_.gate_up, gate_up);
  add_if_any(gate_up, w_.gate_up_bias);
  for (std::int64_t r = 0; r < n; ++r) {
    const T* first = row<T>(gate_up, r);
    gate_row(gating_, first, shape_.mlp.is_gated ? first + width : nullptr, size(width), row<T>(gated, r));
  }
  add_to_stream(lane, gated, w_.down, {w_.down_bias, w_.mlp_norm, w_.mlp_norm_bias}, x);
}

template <class T>
void LayerPass<T>::choose_experts(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const {
  const auto hidden = add_attention(lane, unit, begin);
  unit.routings[size(begin / lane.n_rows)] = route_rows<T>(lane, shape_.mlp.experts, w_, hidden);
  unit.expert_hidden.narrow(0, begin, hidden.size(0)).copy_(hidden);
  unit.expert_sum.narrow(0, begin, hidden.size(0)).zero_();
}

template <class T>
void LayerPass<T>::pass_experts(std::span<const ExpertWeights> group, Lane<T>& lane, UnitInFlight<T>& unit,
                                std::int64_t begin, std::int64_t end) const {
  std::vector<RoutedRow<T>> routed;
  for (const auto& expert : group) {
    routed.clear();
    for (auto tile = begin; tile < end; tile += lane.n_rows)
      for (const auto& [of_tile, weight] : unit.routings[size(tile / lane.n_rows)][size(expert.expert)])
        routed.push_back({tile + of_tile, weight});
    pass_expert<T>(lane, shape_.mlp, gating_, expert, routed, unit.expert_hidden, unit.expert_sum);
  }
}

template <class T>
void LayerPass<T>::add_experts(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const {
  const auto n = rows_of_tile(lane, unit, begin);
  norm_and_add(unit.expert_sum.narrow(0, begin, n), w_.mlp_norm, w_.mlp_norm_bias,
               unit.x.narrow(0, begin, n));
}

// To the residual stream. Returns what the MLP reads of the tile's rows, [n, d_model], in the lane or in the
// stream.
template <class T>
at::Tensor LayerPass<T>::add_attention(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const {
  const auto n = rows_of_tile(lane, unit, begin);
  const auto x = unit.x.narrow(0, begin, n);
  const auto of_attention =
      shape_.is_parallel ? normed(lane, x, w_.input_norm, w_.input_norm_bias) : at::Tensor();
  add_to_stream(lane, unit.heads.narrow(0, begin, n), w_.o,
                {w_.o_bias, w_.attention_norm, w_.attention_norm_bias}, x);
  return shape_.is_parallel ? of_attention : normed(lane, x, w_.mlp_input_norm, w_.mlp_input_norm_bias);
}

// The norm of a tile's rows, in the lane; the rows themselves without a norm.
template <class T>
at::Tensor LayerPass<T>::normed(Lane<T>& lane, const at::Tensor& x, const at::Tensor& weight,
                                const at::Tensor& bias) const {
  if (!weight.defined()) return x;
  auto hidden = matrix_in(lane.hidden, x.size(0), decoder_.hidden_size);
  norm_rows<T>(decoder_.norm, x, weight, bias, hidden);
  return hidden;
}

// x += residual_multiplier * norm(rows * weight + bias)
template <class T>
void LayerPass<T>::add_to_stream(Lane<T>& lane, const at::Tensor& rows, const at::Tensor& weight,
                                 const Addend& addend, const at::Tensor& x) const {
  if (!addend.norm.defined() && shape_.residual_multiplier == 1) {
    lane.products.add_product(rows, weight, x);
    return add_if_any(x, addend.bias);
  }
  const auto delta = matrix_in(lane.delta, rows.size(0), decoder_.hidden_size);
  lane.products.multiply(rows, weight, delta);
  add_if_any(delta, addend.bias);
  norm_and_add(delta, addend.norm, addend.norm_bias, x);
}

// x += residual_multiplier * norm(delta)
template <class T>
void LayerPass<T>::norm_and_add(const at::Tensor& delta, const at::Tensor& norm, const at::Tensor& bias,
                                const at::Tensor& x) const {
  if (norm.defined()) norm_rows<T>(decoder_.norm, delta, norm, bias, delta);
  x.add_(delta, shape_.residual_multiplier);
}

template class LayerPass<float>;
template class LayerPass<double>;

}  // namespace kvcompare
