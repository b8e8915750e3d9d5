#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// An MLP without a gate, by xIELU, whose parameters each layer has; norms of queries and keys.
ModelConfig read_apertus(ConfigKeys& keys) {
  const RopeConfig rope{.type = RopeConfig::Type::kLlama3,
                        .theta = 12e6,
                        .factor = 8,
                        .low_freq_factor = 1,
                        .high_freq_factor = 4,
                        .original_max_position_embeddings = 8192};
  auto plain = read_plain(keys, {.model_type = "apertus",
                                 .may_have_null_n_kv_heads = true,
                                 .eps = 1e-5,
                                 .activation = "xielu",
                                 .rope = {.theta = 12e6, .whole = rope}});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  plain.qk_norm = true;
  auto decoder = decoder_of(plain);
  for (auto& layer : decoder.layers) {
    layer.norms = {.before_attention = "attention_layernorm", .before_mlp = "feedforward_layernorm"};
    layer.mlp.activation = Activation::kXielu;
    layer.mlp.is_gated = false;
  }
  return {.decoder = std::move(decoder)};
}

}  // namespace kvcompare
