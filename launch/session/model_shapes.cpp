#include "launch/session/model_shapes.h"

#include "presses/registry.h"
#include "worker/checkpoint/decoder_of_config.h"
#include "worker/model/weight_table.h"

namespace kvcompare {

CostModel cost_model(const ModelConfig& config, const std::vector<MethodSpec>& methods) {
  const auto decoder = decoder_of(config);
  CostModel costs{.shape = {.n_weights = decoder.vocab_size * decoder.hidden_size}, .methods = {}};
  for (std::int64_t l = 0; l < decoder.n_layers(); ++l) {
    costs.shape.n_weights += n_layer_matrix_numbers(decoder, l);
    costs.shape.n_query_channels += decoder.layer(l).heads.q_width();
  }
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
