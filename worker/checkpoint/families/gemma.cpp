#include <cmath>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// Embeddings times sqrt(hidden_size), norms with 1 + weight, GELU.
ModelConfig read_gemma(ConfigKeys& keys) {
  const std::string activation = "gelu_pytorch_tanh";
  PlainDefaults defaults{.model_type = "gemma",
                         .n_kv_heads = 16,
                         .head_dim = 256,
                         .activation = activation,
                         .tied_embeddings = true};
  // The first releases say "gelu" and mean the approximation; transformers reads it so.
  if (keys.text("hidden_act", activation) == "gelu") defaults.activation = "gelu";
  auto plain = read_plain(keys, defaults);
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  auto decoder = decoder_of(plain);
  decoder.norm.offset = 1;
  decoder.embedding_multiplier = std::sqrt(static_cast<double>(plain.hidden_size));
  decoder.rounds_embedding_multiplier = true;
  for (auto& layer : decoder.layers) layer.mlp.activation = Activation::kGeluTanh;
  return {.decoder = std::move(decoder)};
}

}  // namespace kvcompare
