#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

ModelConfig read_qwen3(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "qwen3",
                                 .may_have_null_n_kv_heads = true,
                                 .needs_n_kv_heads = true,
                                 .needs_head_dim = true});
  plain.qkv_bias = plain.o_bias = keys.flag("attention_bias", false);
  refuse_switch(keys, "mlp_bias", plain.model_type);
  keys.claim({"use_qk_norm"});  // q and k are normed whatever it says
  plain.qk_norm = true;
  return sliding(decoder_of(plain), read_switched_window(keys, plain.n_layers));
}

}  // namespace kvcompare
