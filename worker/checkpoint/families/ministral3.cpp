#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

namespace {

QueryScale query_scale(ConfigKeys& keys, const RopeConfig& rope) {
  // Where the file has no rope_parameters.
  QueryScale scale{.beta = 0.1, .n_unscaled = rope.original_max_position_embeddings};
  for (const char* key : {"rope_parameters", "rope_scaling"}) {  // the older key wins
    if (!keys.has_value(key)) continue;
    const auto parameters = keys.config().object(key);
    scale.beta = parameters.finite_number("llama_4_scaling_beta");
    scale.n_unscaled = parameters.integer("original_max_position_embeddings", 1, 1 << 30);
  }
  return scale;
}

}  // namespace

// Mistral with yarn, and queries scaled by their position.
ModelConfig read_ministral3(ConfigKeys& keys) {
  const RopeConfig yarn{
      .type = RopeConfig::Type::kYarn, .theta = 1e6, .factor = 16, .original_max_position_embeddings = 16384};
  auto plain = read_plain(
      keys, {.model_type = "ministral3",
             .n_kv_heads = 8,
             .head_dim = 128,
             .eps = 1e-5,
             .rope = {.ignored_keys = {"llama_4_scaling_beta", "max_position_embeddings"}, .whole = yarn}});
  plain.rope.query_scale = query_scale(keys, plain.rope);
  return all_sliding(decoder_of(plain), keys.size_or_null("sliding_window"));
}

}  // namespace kvcompare
