#include <utility>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// Attention and MLP side by side behind one LayerNorm without bias. Three layers of four slide, and they
// alone have RoPE.
ModelConfig read_cohere2(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "cohere2",
                                 .may_have_null_n_kv_heads = true,
                                 .eps_key = "layer_norm_eps",
                                 .eps = 1e-5,
                                 .tied_embeddings = true,
                                 .rope = {.is_interleaved = true}});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  refuse_switch(keys, "use_qk_norm", plain.model_type);
  auto decoder = decoder_of(plain);
  decoder.norm.kind = NormShape::Kind::kLayer;
  decoder.logits.multiplier = keys.number("logit_scale", 0.0625);
  decoder.ropes.push_back({.type = RopeConfig::Type::kNone});
  const auto slides = sliding_layers(keys, plain.n_layers, keys.size("sliding_window_pattern", 4));
  for (std::size_t l = 0; l < slides.size(); ++l) {
    auto& layer = decoder.layers[l];
    layer.norms.before_mlp = "";
    layer.is_parallel = true;
    if (!slides[l]) layer.rope = 1;
  }
  return sliding(std::move(decoder), read_window(keys, slides, 4096));
}

}  // namespace kvcompare
