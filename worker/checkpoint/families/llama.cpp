#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"

namespace kvcompare {

ModelConfig read_llama(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "llama",
                                 .heads_divide_hidden_size = true,
                                 .may_have_null_n_kv_heads = true,
                                 .may_have_null_head_dim = true});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  plain.mlp_bias = keys.flag("mlp_bias", false);
  refuse_switch(keys, "use_qk_norm", plain.model_type);
  return {.decoder = decoder_of(plain)};
}

}  // namespace kvcompare
