#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

// Llama whose checkpoints store q, k and v in one tensor, and gate and up in one. All layers slide.
ModelConfig read_phi3(ConfigKeys& keys) {
  keys.size("original_max_position_embeddings", 4096);
  const auto plain =
      read_plain(keys, {.model_type = "phi3",
                        .may_have_null_n_kv_heads = true,
                        .eps = 1e-5,
                        .rope = {.partial_rotary_factor = 1,
                                 .has_old_names_of_longrope = true,
                                 .outer_original_positions = 4096,
                                 .types = {RopeConfig::Type::kDefault, RopeConfig::Type::kLongrope}}});
  auto decoder = decoder_of(plain);
  for (auto& layer : decoder.layers) {
    layer.qkv = "self_attn.qkv_proj";
    layer.mlp.gate_and_up = "mlp.gate_up_proj";
  }
  return all_sliding(std::move(decoder), keys.size_or_null("sliding_window"));
}

}  // namespace kvcompare
