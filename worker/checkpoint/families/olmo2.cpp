#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// Norms stand behind attention and MLP, and queries and keys are normed over all heads.
ModelConfig read_olmo2(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "olmo2", .may_have_null_n_kv_heads = true, .eps = 1e-5});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  auto decoder = decoder_of(plain);
  for (auto& layer : decoder.layers) {
    layer.norms = kNormsBehind;
    layer.qk_norm = QkNorm::kOfAllHeads;
  }
  return {.decoder = std::move(decoder)};
}

}  // namespace kvcompare
