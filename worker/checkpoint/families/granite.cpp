#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// Llama with four multipliers.
ModelConfig read_granite(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "granite", .may_have_null_n_kv_heads = true});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  plain.mlp_bias = keys.flag("mlp_bias", false);
  auto decoder = decoder_of(plain);
  decoder.embedding_multiplier = keys.number("embedding_multiplier", 1);
  decoder.logits.multiplier = 1 / keys.positive("logits_scaling", 1);
  const double of_attention = keys.positive("attention_multiplier", 1);
  const double of_residual = keys.number("residual_multiplier", 1);
  for (auto& layer : decoder.layers) {
    layer.scale.scalar = 1 / (of_attention * of_attention);
    layer.residual_multiplier = of_residual;
  }
  return {.decoder = std::move(decoder)};
}

}  // namespace kvcompare
