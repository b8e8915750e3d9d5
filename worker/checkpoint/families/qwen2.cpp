#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

ModelConfig read_qwen2(ConfigKeys& keys) {
  auto plain =
      read_plain(keys, {.model_type = "qwen2", .may_have_null_n_kv_heads = true, .needs_n_kv_heads = true});
  keys.claim({"attention_bias"});  // q, k and v have a bias whatever it says
  plain.qkv_bias = true;
  refuse_switch(keys, "mlp_bias", plain.model_type);
  refuse_switch(keys, "use_qk_norm", plain.model_type);
  return sliding(decoder_of(plain), read_switched_window(keys, plain.n_layers));
}

}  // namespace kvcompare
