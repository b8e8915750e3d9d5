#include "worker/checkpoint/families/gemma_layers.h"

#include <cmath>

#include "worker/checkpoint/families/json_config_keys.h"

namespace kvcompare {

Decoder gemma_decoder(ConfigKeys& keys, const PlainConfig& plain) {
  auto decoder = decoder_of(plain);
  decoder.norm.offset = 1;
  decoder.embedding_multiplier = std::sqrt(static_cast<double>(plain.hidden_size));
  decoder.rounds_embedding_multiplier = true;
  if (keys.flag_or_null("use_bidirectional_attention"))
    keys.refuse("use_bidirectional_attention", "is true: tokens of such a model see later ones");
  const auto scalar = static_cast<double>(keys.size("query_pre_attn_scalar", 256));
  for (auto& layer : decoder.layers) {
    layer.scale.scalar = scalar;
    layer.norms = {.before_attention = "input_layernorm",
                   .after_attention = "post_attention_layernorm",
                   .before_mlp = "pre_feedforward_layernorm",
                   .after_mlp = "post_feedforward_layernorm"};
    layer.mlp.activation = Activation::kGeluTanh;
  }
  return decoder;
}

}  // namespace kvcompare
