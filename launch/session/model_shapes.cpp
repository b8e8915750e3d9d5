#include "launch/session/model_shapes.h"

#include <optional>
#include <utility>
#include <vector>

#include "presses/registry.h"
#include "worker/model/weight_table.h"

namespace kvcompare {

CostModel cost_model(const ModelConfig& config, const std::vector<MethodSpec>& methods) {
  const auto& decoder = config.decoder;
  CostModel costs{.shape = {.n_weights = decoder.vocab_size * decoder.hidden_size}, .methods = {}};
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
    costs.shape.n_weights += n_multiplied_numbers(decoder, l);
    costs.shape.n_query_channels += decoder.layer(l).heads.q_width();
  }
  for (const auto& method : methods) costs.methods.push_back(method_cost(method, model_shape(config)));
  return costs;
}

ModelShape model_shape(const ModelConfig& config) {
  const auto& heads = heads_of(config.decoder);
  std::vector<std::int64_t> sliding;
  std::optional<std::int64_t> window;
  for (std::int64_t l = 0; l < config.decoder.n_layers(); ++l) {
    const auto& layer = config.decoder.layer(l);
    if (layer.evicts) continue;
    sliding.push_back(l);
    window = layer.window;
  }
  return {.n_layers = config.decoder.n_layers(),
          .n_heads = heads.n_heads,
          .n_kv_heads = heads.n_kv_heads,
          .head_dim = heads.head_dim,
          .hidden_size = config.decoder.hidden_size,
          .vocab_size = config.decoder.vocab_size,
          .max_position_embeddings = config.decoder.max_position_embeddings,
          .sliding_layers = window ? std::optional(std::move(sliding)) : std::nullopt,
          .sliding_window = window};
}

}  // namespace kvcompare
