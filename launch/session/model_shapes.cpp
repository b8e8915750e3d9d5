#include "launch/session/model_shapes.h"

#include "presses/registry.h"

namespace kvcompare {

CostModel cost_model(const ModelConfig& config, const std::vector<MethodSpec>& methods) {
  CostModel costs{.shape = {.n_layers = config.n_layers,
                            .d_model = config.hidden_size,
                            .n_heads = config.n_heads,
                            .n_kv_heads = config.n_kv_heads,
                            .head_dim = config.head_dim,
                            .intermediate_size = config.intermediate_size,
                            .vocab_size = config.vocab_size},
                  .methods = {}};
  for (const auto& method : methods) costs.methods.push_back(method_cost(method, model_shape(config)));
  return costs;
}

ModelShape model_shape(const ModelConfig& config) {
  return {.n_layers = config.n_layers,
          .n_heads = config.n_heads,
          .n_kv_heads = config.n_kv_heads,
          .head_dim = config.head_dim,
          .hidden_size = config.hidden_size,
          .vocab_size = config.vocab_size,
          .max_position_embeddings = config.max_position_embeddings};
}

}  // namespace kvcompare
