#include "worker/model/weight_table.h"

#include <algorithm>

namespace kvcompare {
namespace {

using Fused = FusedLayer;
using Stored = LayerWeights;

std::int64_t sum_over(const std::vector<FusedTensor>& tensors, auto counts) {
  std::int64_t n = 0;
  for (const auto& tensor : tensors)
    if (counts(tensor)) n += tensor.n_numbers();
  return n;
}

}  // namespace

std::string layer_prefix(std::int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

std::int64_t FusedTensor::n_rows() const {
  std::int64_t n = 0;
  for (const auto& part : parts) n += part.n_rows();
  return n;
}

// The order is that in which GPUs load, and in which the hash over their weights is made.
std::vector<FusedTensor> layer_tensors(const Decoder& decoder, std::int64_t index) {
  const auto& layer = decoder.layer(index);
  const auto hidden = decoder.hidden_size, width = layer.mlp.width, d = layer.heads.head_dim;
  const auto q = layer.heads.q_width(), kv = layer.heads.kv_width();
  std::vector<FusedTensor> tensors{
      {&Fused::input_norm, {{"input_layernorm.weight", {hidden}, &Stored::input_norm}}},
      {&Fused::qkv,
       {{"self_attn.q_proj.weight", {q, hidden}, &Stored::q},
        {"self_attn.k_proj.weight", {kv, hidden}, &Stored::k},
        {"self_attn.v_proj.weight", {kv, hidden}, &Stored::v}}},
      {&Fused::o, {{"self_attn.o_proj.weight", {hidden, q}, &Stored::o}}},
      {&Fused::post_attention_norm,
       {{"post_attention_layernorm.weight", {hidden}, &Stored::post_attention_norm}}},
      {&Fused::gate_up,
       {{"mlp.gate_proj.weight", {width, hidden}, &Stored::gate},
        {"mlp.up_proj.weight", {width, hidden}, &Stored::up}}},
      {&Fused::down, {{"mlp.down_proj.weight", {hidden, width}, &Stored::down}}}};
  if (layer.has_qkv_bias)
    tensors.push_back({&Fused::qkv_bias,
                       {{"self_attn.q_proj.bias", {q}, &Stored::q_bias},
                        {"self_attn.k_proj.bias", {kv}, &Stored::k_bias},
                        {"self_attn.v_proj.bias", {kv}, &Stored::v_bias}}});
  if (layer.has_o_bias)
    tensors.push_back({&Fused::o_bias, {{"self_attn.o_proj.bias", {hidden}, &Stored::o_bias}}});
  if (layer.has_qk_norm) {
    tensors.push_back({&Fused::q_norm, {{"self_attn.q_norm.weight", {d}, &Stored::q_norm}}});
    tensors.push_back({&Fused::k_norm, {{"self_attn.k_norm.weight", {d}, &Stored::k_norm}}});
  }
  if (layer.mlp.has_bias) {
    tensors.push_back({&Fused::gate_up_bias,
                       {{"mlp.gate_proj.bias", {width}, &Stored::gate_bias},
                        {"mlp.up_proj.bias", {width}, &Stored::up_bias}}});
    tensors.push_back({&Fused::down_bias, {{"mlp.down_proj.bias", {hidden}, &Stored::down_bias}}});
  }
  return tensors;
}

std::int64_t n_layer_numbers(const Decoder& decoder, std::int64_t layer) {
  return sum_over(layer_tensors(decoder, layer), [](const FusedTensor&) { return true; });
}

std::int64_t n_layer_matrix_numbers(const Decoder& decoder, std::int64_t layer) {
  return sum_over(layer_tensors(decoder, layer),
                  [](const FusedTensor& tensor) { return tensor.is_matrix(); });
}

std::int64_t n_numbers_of_largest_layer(const Decoder& decoder) {
  std::int64_t most = 0;
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) most = std::max(most, n_layer_numbers(decoder, l));
  return most;
}

std::int64_t n_numbers_outside_layers(const Decoder& decoder) {
  const auto n_embeddings = decoder.has_tied_head ? 1 : 2;
  return (n_embeddings * decoder.vocab_size + 1) * decoder.hidden_size;
}

std::int64_t n_decoder_numbers(const Decoder& decoder) {
  auto n = n_numbers_outside_layers(decoder);
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) n += n_layer_numbers(decoder, l);
  return n;
}

std::int64_t n_streamed_numbers(const Decoder& decoder) {
  return n_numbers_outside_layers(decoder) + 2 * n_numbers_of_largest_layer(decoder);
}

}  // namespace kvcompare
