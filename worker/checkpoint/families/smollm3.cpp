#include <utility>
#include <vector>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

namespace {

// 1 for a layer with RoPE.
std::vector<bool> layers_with_rope(ConfigKeys& keys, std::int64_t n_layers) {
  const auto interval = keys.size("no_rope_layer_interval", 4);
  std::vector<bool> has_rope;
  for (std::int64_t l = 0; l < n_layers; ++l) has_rope.push_back((l + 1) % interval != 0);
  if (!keys.has_value("no_rope_layers")) return has_rope;
  const auto& written = keys.config().json().at("no_rope_layers");
  const auto expected = "expected an array of at least " + std::to_string(n_layers) + " numbers, 0 or 1";
  if (!written.is_array() || std::ssize(written) < n_layers) keys.refuse("no_rope_layers", expected);
  for (std::size_t l = 0; l < has_rope.size(); ++l) {
    if (written[l] != 0 && written[l] != 1)
      keys.refuse("no_rope_layers", "holds " + describe(written[l]) + "; " + expected);
    has_rope[l] = written[l] == 1;
  }
  return has_rope;
}

// By layer_types, or else those without RoPE.
SlidingLayers read_sliding_layers(ConfigKeys& keys, std::vector<bool> has_rope) {
  const auto n_layers = std::ssize(has_rope);
  const bool is_on = keys.flag("use_sliding_window", false);
  const auto window = keys.size_or_null("sliding_window");
  const auto slides = sliding_by_layer_types(keys, n_layers);
  if (!window) {
    refuse_sliding_layers(keys, n_layers, " (sliding_window)");
    return {.slides = std::vector<bool>(has_rope.size(), false)};
  }
  if (slides) return {.slides = *slides, .window = window};
  has_rope.flip();
  return {.slides = std::move(has_rope), .window = is_on ? window : std::nullopt};
}

}  // namespace

// Llama with layers whose queries and keys do not turn.
ModelConfig read_smollm3(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "smollm3",
                                 .n_kv_heads = 4,
                                 .may_have_null_n_kv_heads = true,
                                 .tied_embeddings = true,
                                 .rope = {.theta = 2e6}});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  plain.mlp_bias = keys.flag("mlp_bias", false);
  auto decoder = decoder_of(plain);
  const auto has_rope = layers_with_rope(keys, plain.n_layers);
  decoder.ropes.push_back({.type = RopeConfig::Type::kNone});
  for (std::size_t l = 0; l < has_rope.size(); ++l)
    if (!has_rope[l]) decoder.layers[l].rope = 1;
  return sliding(std::move(decoder), read_sliding_layers(keys, has_rope));
}

}  // namespace kvcompare
