#include "worker/checkpoint/families/family.h"
#include "worker/checkpoint/families/json_plain_keys.h"
#include "worker/checkpoint/families/sliding_keys.h"

namespace kvcompare {

namespace {

// Queries are scaled by 1 + beta log(1 + floor(position / original_max_position_embeddings)): by 1 before
// that position.
std::optional<LengthLimit> limit_of(ConfigKeys& keys, const RopeConfig& rope) {
  double beta = 0.1;  // where the file has no rope_parameters
  std::int64_t unscaled = rope.original_max_position_embeddings;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {  // the older key wins
    if (!keys.has_value(key)) continue;
    const auto parameters = keys.config().object(key);
    beta = parameters.finite_number("llama_4_scaling_beta");
    unscaled = parameters.integer("original_max_position_embeddings", 1, 1 << 30);
  }
  if (beta == 0) return std::nullopt;
  return LengthLimit{unscaled, "the " + std::to_string(unscaled) +
                                   " positions behind which the model scales its queries "
                                   "(llama_4_scaling_beta)"};
}

}  // namespace

// Mistral with yarn.
ModelConfig read_ministral3(ConfigKeys& keys) {
  const RopeConfig yarn{
      .type = RopeConfig::Type::kYarn, .theta = 1e6, .factor = 16, .original_max_position_embeddings = 16384};
  const auto plain = read_plain(
      keys, {.model_type = "ministral3",
             .n_kv_heads = 8,
             .head_dim = 128,
             .eps = 1e-5,
             .rope = {.ignored_keys = {"llama_4_scaling_beta", "max_position_embeddings"}, .whole = yarn}});
  auto model = all_sliding(decoder_of(plain), keys.size_or_null("sliding_window"));
  model.limit = limit_of(keys, plain.rope);
  return model;
}

}  // namespace kvcompare
