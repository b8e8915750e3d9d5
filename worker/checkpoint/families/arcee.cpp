#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// Llama with down(relu(up(x))^2) in place of a gate.
ModelConfig read_arcee(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "arcee",
                                 .heads_divide_hidden_size = true,
                                 .may_have_null_n_kv_heads = true,
                                 .may_have_null_head_dim = true,
                                 .eps = 1e-5,
                                 .activation = "relu2"});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  plain.mlp_bias = keys.flag("mlp_bias", false);
  auto decoder = decoder_of(plain);
  for (auto& layer : decoder.layers) {
    layer.mlp.activation = Activation::kSquaredRelu;
    layer.mlp.is_gated = false;
  }
  return {.decoder = std::move(decoder)};
}

}  // namespace kvcompare
