#include <utility>

#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/gemma_layers.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// Five layers of six slide, with a RoPE of their own; norms of queries and keys.
ModelConfig read_gemma3_text(ConfigKeys& keys) {
  auto plain = read_plain(
      keys, {.model_type = "gemma3_text",
             .n_kv_heads = 4,
             .head_dim = 256,
             .heads_divide_hidden_size = true,
             .vocab_size = 262208,
             .n_heads = 8,
             .max_position_embeddings = 131072,
             .activation = "gelu_pytorch_tanh",
             .tied_embeddings = true,
             .rope = {.theta = 1e6},
             .sliding_rope = PlainDefaults::SlidingRope{.theta = 1e4, .theta_key = "rope_local_base_freq"}});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  plain.qk_norm = true;
  auto decoder = gemma_decoder(keys, plain);
  if (keys.has_value("attn_logit_softcapping"))
    keys.refuse("attn_logit_softcapping", "is there, but transformers ignores it; expected null");
  if (keys.has_value("final_logit_softcapping"))
    decoder.logits.cap = keys.positive("final_logit_softcapping", 1);
  const auto slides = sliding_layers(keys, plain.n_layers, keys.size("sliding_window_pattern", 6));
  for (std::size_t l = 0; l < slides.size(); ++l)
    if (slides[l]) decoder.layers[l].rope = 1;
  return sliding(std::move(decoder), read_window(keys, slides, 4096));
}

}  // namespace kvcompare
