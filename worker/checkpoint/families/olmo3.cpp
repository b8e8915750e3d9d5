#include <utility>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// OLMo 2 in which three layers of four slide, each kind with a RoPE of its own.
ModelConfig read_olmo3(ConfigKeys& keys) {
  constexpr double kTheta = 500000;
  auto plain = read_plain(keys, {.model_type = "olmo3",
                                 .may_have_null_n_kv_heads = true,
                                 .eps = 1e-5,
                                 .rope = {.theta = kTheta},
                                 .sliding_rope = PlainDefaults::SlidingRope{.theta = kTheta}});
  // transformers 5 takes it for the layers that see all keys, older versions for all.
  if (!keys.has_value("rope_parameters") && keys.number("rope_theta", kTheta) != kTheta)
    keys.refuse("rope_theta",
                "means other layers in other versions of transformers: write rope_parameters "
                "with full_attention and sliding_attention into the file");
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  auto decoder = decoder_of(plain);
  const auto slides = sliding_layers(keys, plain.n_layers, 4);
  for (std::size_t l = 0; l < slides.size(); ++l) {
    auto& layer = decoder.layers[l];
    layer.norms = kNormsBehind;
    layer.qk_norm = QkNorm::kOfAllHeads;
    if (slides[l]) layer.rope = 1;
  }
  return sliding(std::move(decoder), read_window(keys, slides, 4096));
}

}  // namespace kvcompare
