#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

ModelConfig read_seed_oss(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "seed_oss",
                                 .n_kv_heads = 8,
                                 .head_dim = 128,
                                 .may_have_null_n_kv_heads = true,
                                 .may_have_null_head_dim = true});
  plain.qkv_bias = keys.flag("attention_bias", true);
  plain.o_bias = keys.flag("attention_out_bias", false);
  plain.mlp_bias = keys.flag("mlp_bias", false);
  return {.decoder = decoder_of(plain)};
}

}  // namespace kvcompare
