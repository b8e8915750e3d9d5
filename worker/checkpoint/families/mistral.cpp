#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// All layers slide, or those that layer_types names: transformers then takes the model for a ministral.
ModelConfig read_mistral(ConfigKeys& keys) {
  auto plain =
      read_plain(keys, {.model_type = "mistral", .may_have_null_head_dim = true, .needs_n_kv_heads = true});
  if (keys.flag_or_null("attention_bias"))
    keys.refuse("attention_bias", "is true, but mistral models have no attention bias");
  refuse_switch(keys, "mlp_bias", plain.model_type);
  refuse_switch(keys, "use_qk_norm", plain.model_type);
  const auto window = keys.size_or_null("sliding_window", 4096);
  const auto slides = sliding_by_layer_types(keys, plain.n_layers);
  if (keys.has_key("layer_types") && !window)
    keys.refuse(
        "layer_types",
        "is there, but sliding_window is null: transformers makes a ministral model of it, which needs one");
  if (slides) return sliding(decoder_of(plain), {.slides = *slides, .window = window});
  return all_sliding(decoder_of(plain), window);
}

}  // namespace kvcompare
