#include "worker/checkpoint/decoder_tensors.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "common/errors.h"

namespace kvcompare {
namespace {

void add_attention(const ModelConfig& c, const std::string& prefix, std::vector<ExpectedTensor>& tensors) {
  const std::int64_t q_size = c.n_heads * c.head_dim;
  const std::int64_t kv_size = c.n_kv_heads * c.head_dim;
  tensors.push_back({prefix + "q_proj.weight", {q_size, c.hidden_size}});
  tensors.push_back({prefix + "k_proj.weight", {kv_size, c.hidden_size}});
  tensors.push_back({prefix + "v_proj.weight", {kv_size, c.hidden_size}});
  tensors.push_back({prefix + "o_proj.weight", {c.hidden_size, q_size}});
  if (c.qkv_bias) {
    tensors.push_back({prefix + "q_proj.bias", {q_size}});
    tensors.push_back({prefix + "k_proj.bias", {kv_size}});
    tensors.push_back({prefix + "v_proj.bias", {kv_size}});
  }
  if (c.o_bias) tensors.push_back({prefix + "o_proj.bias", {c.hidden_size}});
  if (c.qk_norm) {
    tensors.push_back({prefix + "q_norm.weight", {c.head_dim}});
    tensors.push_back({prefix + "k_norm.weight", {c.head_dim}});
  }
}

void add_mlp(const ModelConfig& c, const std::string& prefix, std::vector<ExpectedTensor>& tensors) {
  tensors.push_back({prefix + "gate_proj.weight", {c.intermediate_size, c.hidden_size}});
  tensors.push_back({prefix + "up_proj.weight", {c.intermediate_size, c.hidden_size}});
  tensors.push_back({prefix + "down_proj.weight", {c.hidden_size, c.intermediate_size}});
  if (!c.mlp_bias) return;
  tensors.push_back({prefix + "gate_proj.bias", {c.intermediate_size}});
  tensors.push_back({prefix + "up_proj.bias", {c.intermediate_size}});
  tensors.push_back({prefix + "down_proj.bias", {c.hidden_size}});
}

// Buffers that older versions of transformers stored; they follow from the configuration.
bool is_leftover(std::string_view name) {
  constexpr std::array<std::string_view, 3> kBuffers{".rotary_emb.inv_freq", ".rotary_emb.cos_cached",
                                                     ".rotary_emb.sin_cached"};
  return name.starts_with("model.") &&
         std::any_of(kBuffers.begin(), kBuffers.end(),
                     [&](std::string_view buffer) { return name.ends_with(buffer); });
}

std::string why_unexpected(const ModelConfig& config, std::string_view name) {
  constexpr std::array<std::string_view, 12> kQuantised{
      ".SCB",    ".weight_format", ".qweight",      ".qzeros",        ".scales", ".g_idx",
      ".absmax", ".quant_map",     ".weight_scale", ".weight_packed", ".biases", ".input_scale"};
  if (std::any_of(kQuantised.begin(), kQuantised.end(),
                  [&](std::string_view suffix) { return name.find(suffix) != std::string_view::npos; }))
    return "belongs to quantised weights, which are not supported";
  for (const std::string_view own : {"model.embed_tokens.", "model.layers.", "model.norm.", "lm_head."})
    if (const std::size_t at = name.find(own); at != std::string_view::npos && at > 0)
      return "has the prefix '" + std::string(name.substr(0, at)) +
             "': the checkpoint is that of a larger model or a wrapper, not of a plain " + config.model_type +
             " model";
  if (name.starts_with("layers.") || name.starts_with("embed_tokens."))
    return "lacks the prefix 'model.': saved without the language model head; save the model for causal "
           "language modelling";
  return "is no part of the " + config.model_type + " model that config.json describes";
}

}  // namespace

std::string layer_prefix(std::int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& c) {
  std::vector<ExpectedTensor> tensors{{kEmbeddingName, {c.vocab_size, c.hidden_size}}};
  for (std::int64_t layer = 0; layer < c.n_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    tensors.push_back({prefix + "input_layernorm.weight", {c.hidden_size}});
    add_attention(c, prefix + "self_attn.", tensors);
    tensors.push_back({prefix + "post_attention_layernorm.weight", {c.hidden_size}});
    add_mlp(c, prefix + "mlp.", tensors);
  }
  tensors.push_back({kFinalNormName, {c.hidden_size}});
  tensors.push_back({kLmHeadName, {c.vocab_size, c.hidden_size}});
  return tensors;
}

void check_tensor_names(const ModelConfig& config, std::span<const std::string> names,
                        const std::string& file) {
  std::unordered_set<std::string> expected;
  for (ExpectedTensor& tensor : expected_tensors(config)) expected.insert(std::move(tensor.name));
  std::unordered_set<std::string> found;
  for (const std::string& name : names) {
    if (!expected.contains(name) && !is_leftover(name))
      throw CheckpointError(file, name, why_unexpected(config, name));
    found.insert(name);
  }
  for (const ExpectedTensor& tensor : expected_tensors(config)) {
    if (found.contains(tensor.name)) continue;
    const bool is_head = tensor.name == kLmHeadName;
    if (config.tied_embeddings && is_head && found.contains(kEmbeddingName)) continue;
    if (config.tied_embeddings && tensor.name == kEmbeddingName && found.contains(kLmHeadName)) continue;
    throw CheckpointError(
        file, tensor.name,
        std::string("is missing") + (is_head ? ", and tie_word_embeddings is not true" : ""));
  }
}

}  // namespace kvcompare
