#include "coordinator/reports/json_model_shape.h"

namespace kvcompare {

OrderedJson json_model_shape(const ModelShape& shape) {
  return {{"n_layers", shape.n_layers},
          {"n_heads", shape.n_heads},
          {"n_kv_heads", shape.n_kv_heads},
          {"head_dim", shape.head_dim},
          {"hidden_size", shape.hidden_size},
          {"vocab_size", shape.vocab_size},
          {"max_position_embeddings", shape.max_position_embeddings}};
}

ModelShape model_shape_of(const OrderedJson& json) {
  ModelShape shape;
  json.at("n_layers").get_to(shape.n_layers);
  json.at("n_heads").get_to(shape.n_heads);
  json.at("n_kv_heads").get_to(shape.n_kv_heads);
  json.at("head_dim").get_to(shape.head_dim);
  json.at("hidden_size").get_to(shape.hidden_size);
  json.at("vocab_size").get_to(shape.vocab_size);
  json.at("max_position_embeddings").get_to(shape.max_position_embeddings);
  return shape;
}

}  // namespace kvcompare
