#include <optional>
#include <string>
#include <utility>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/gemma_layers.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// Every second layer sees all keys; logits of attention are capped, and those of the head.
ModelConfig read_gemma2(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "gemma2",
                                 .n_kv_heads = 4,
                                 .head_dim = 256,
                                 .heads_divide_hidden_size = true,
                                 .activation = "gelu_pytorch_tanh",
                                 .tied_embeddings = true});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  auto decoder = gemma_decoder(keys, plain);
  const auto cap_of = [&](const std::string& key, double otherwise) -> std::optional<double> {
    if (keys.has_key(key) && !keys.has_value(key)) return std::nullopt;
    return keys.positive(key, otherwise);
  };
  decoder.logits.cap = cap_of("final_logit_softcapping", 30);
  const auto cap = cap_of("attn_logit_softcapping", 50);
  for (auto& layer : decoder.layers) layer.cap = cap;
  return sliding(std::move(decoder), read_window(keys, sliding_layers(keys, plain.n_layers, 2), 4096));
}

}  // namespace kvcompare
