#include <cmath>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// Embeddings times sqrt(hidden_size), norms with 1 + weight, GELU.
ModelConfig read_gemma(ConfigKeys& keys) {
  // The first releases say "gelu" and mean the approximation; transformers reads it so. Later ones have
  // hidden_activation beside it, which is null or names the approximation.
  auto plain = read_plain(keys, {.model_type = "gemma",
                                 .n_kv_heads = 16,
                                 .head_dim = 256,
                                 .activation = "gelu_pytorch_tanh",
                                 .other_activation = "gelu",
                                 .may_have_null_hidden_activation = true,
                                 .tied_embeddings = true});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  auto decoder = decoder_of(plain);
  decoder.norm.offset = 1;
  decoder.embedding_multiplier = std::sqrt(static_cast<double>(plain.hidden_size));
  decoder.rounds_embedding_multiplier = true;
  for (auto& layer : decoder.layers) layer.mlp.activation = Activation::kGeluTanh;
  return {.decoder = std::move(decoder)};
}

}  // namespace kvcompare
