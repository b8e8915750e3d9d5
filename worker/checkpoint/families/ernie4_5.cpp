#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

// Llama whose channels turn side by side in pairs.
ModelConfig read_ernie4_5(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "ernie4_5",
                                 .n_kv_heads = 2,
                                 .head_dim = 128,
                                 .may_have_null_n_kv_heads = true,
                                 .may_have_null_head_dim = true,
                                 .eps = 1e-5,
                                 .tied_embeddings = true,
                                 .rope = {.theta = 5e5, .is_interleaved = true}});
  plain.qkv_bias = plain.o_bias = plain.mlp_bias = keys.flag_or_null("use_bias");
  return {.decoder = decoder_of(plain)};
}

}  // namespace kvcompare
