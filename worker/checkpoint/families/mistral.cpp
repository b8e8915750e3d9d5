#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// All layers slide.
ModelConfig read_mistral(ConfigKeys& keys) {
  auto plain = read_plain(keys, {.model_type = "mistral", .needs_n_kv_heads = true});
  if (keys.flag("attention_bias", false))
    keys.refuse("attention_bias", "is true, but mistral models have no attention bias");
  refuse_switch(keys, "mlp_bias", plain.model_type);
  refuse_switch(keys, "use_qk_norm", plain.model_type);
  const auto window = keys.size_or_null("sliding_window", 4096);
  if (!window) refuse_sliding_layers(keys, plain.n_layers);
  sliding_by_layer_types(keys, plain.n_layers);
  return all_sliding(decoder_of(plain), window);
}

}  // namespace kvcompare
