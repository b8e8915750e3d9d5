#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// Norms before and behind attention and MLP. The first half of a head's channels turn, side by side in pairs.
ModelConfig read_glm4(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "glm4",
                                 .n_kv_heads = 2,
                                 .head_dim = 128,
                                 .eps = 1.5625e-7,
                                 .rope = {.partial_rotary_factor = 0.5, .is_interleaved = true}});
  plain.qkv_bias = keys.flag("attention_bias", true);
  auto decoder = decoder_of(plain);
  for (auto& layer : decoder.layers) {
    layer.norms.after_attention = "post_self_attn_layernorm";
    layer.norms.after_mlp = "post_mlp_layernorm";
    layer.mlp.gate_and_up = "mlp.gate_up_proj";
  }
  return {.decoder = std::move(decoder)};
}

}  // namespace kvcompare
