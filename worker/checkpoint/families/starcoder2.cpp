#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// LayerNorms with biases, and an MLP without a gate. All layers slide.
ModelConfig read_starcoder2(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "starcoder2",
                                 .n_kv_heads = 2,
                                 .eps_key = "norm_epsilon",
                                 .eps = 1e-5,
                                 .activation = "gelu_pytorch_tanh",
                                 .tied_embeddings = true});
  plain.qkv_bias = plain.o_bias = plain.mlp_bias = keys.flag("use_bias", true);
  auto decoder = decoder_of(plain);
  decoder.norm.kind = NormShape::Kind::kLayer;
  decoder.norm.has_bias = true;
  for (auto& layer : decoder.layers) {
    layer.mlp.activation = Activation::kGeluTanh;
    layer.mlp.is_gated = false;
    layer.mlp.names.up = "mlp.c_fc";
    layer.mlp.names.down = "mlp.c_proj";
  }
  return all_sliding(std::move(decoder), keys.size_or_null("sliding_window"));
}

}  // namespace kvcompare
