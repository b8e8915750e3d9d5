#include "worker/checkpoint/decoder_tensors.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "common/errors.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

// Buffers that older versions of transformers stored; they follow from the configuration.
bool is_leftover(std::string_view name) {
  constexpr std::array<std::string_view, 3> kBuffers{".rotary_emb.inv_freq", ".rotary_emb.cos_cached",
                                                     ".rotary_emb.sin_cached"};
  return name.starts_with("model.") &&
         std::any_of(kBuffers.begin(), kBuffers.end(),
                     [&](std::string_view buffer) { return name.ends_with(buffer); });
}

std::string why_unexpected(const Decoder& decoder, std::string_view name) {
  constexpr std::array<std::string_view, 12> kQuantised{
      ".SCB",    ".weight_format", ".qweight",      ".qzeros",        ".scales", ".g_idx",
      ".absmax", ".quant_map",     ".weight_scale", ".weight_packed", ".biases", ".input_scale"};
  if (std::any_of(kQuantised.begin(), kQuantised.end(),
                  [&](std::string_view suffix) { return name.find(suffix) != std::string_view::npos; }))
    return "belongs to quantised weights, which are not supported";
  for (const std::string_view own : {"model.embed_tokens.", "model.layers.", "model.norm.", "lm_head."})
    if (const std::size_t at = name.find(own); at != std::string_view::npos && at > 0)
      return "has the prefix '" + std::string(name.substr(0, at)) +
             "': the checkpoint is that of a larger model or a wrapper, not of a plain " + decoder.family +
             " model";
  if (name.starts_with("layers.") || name.starts_with("embed_tokens."))
    return "lacks the prefix 'model.': saved without the language model head; save the model for causal "
           "language modelling";
  return "is no part of the " + decoder.family + " model that config.json describes";
}

}  // namespace

std::vector<ExpectedTensor> expected_tensors(const Decoder& decoder) {
  std::vector<ExpectedTensor> tensors{{kEmbeddingName, {decoder.vocab_size, decoder.hidden_size}}};
  for (std::int64_t layer = 0; layer < decoder.n_layers(); ++layer)
    for (const auto& fused : layer_tensors(decoder, layer))
      for (const auto& stored : fused.parts)
        if (stored.first_row == 0)
          tensors.push_back({layer_prefix(layer) + stored.name, stored.stored_shape()});
  tensors.push_back({kFinalNormName, {decoder.hidden_size}});
  if (decoder.norm.has_bias) tensors.push_back({kFinalNormBiasName, {decoder.hidden_size}});
  tensors.push_back({kLmHeadName, {decoder.vocab_size, decoder.hidden_size}});
  return tensors;
}

void check_tensor_names(const Decoder& decoder, std::span<const std::string> names, const std::string& file) {
  std::unordered_set<std::string> expected;
  for (ExpectedTensor& tensor : expected_tensors(decoder)) expected.insert(std::move(tensor.name));
  std::unordered_set<std::string> found;
  for (const std::string& name : names) {
    if (!expected.contains(name) && !is_leftover(name))
      throw CheckpointError(file, name, why_unexpected(decoder, name));
    found.insert(name);
  }
  for (const ExpectedTensor& tensor : expected_tensors(decoder)) {
    if (found.contains(tensor.name)) continue;
    const bool is_head = tensor.name == kLmHeadName;
    if (decoder.has_tied_head && is_head && found.contains(kEmbeddingName)) continue;
    if (decoder.has_tied_head && tensor.name == kEmbeddingName && found.contains(kLmHeadName)) continue;
    throw CheckpointError(
        file, tensor.name,
        std::string("is missing") + (is_head ? ", and tie_word_embeddings is not true" : ""));
  }
}

}  // namespace kvcompare
