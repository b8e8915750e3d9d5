#include "coordinator/json/json_model_shape.h"

#include "coordinator/json/json_whole_number.h"

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
  get_whole_number(json, "n_layers", shape.n_layers);
  get_whole_number(json, "n_heads", shape.n_heads);
  get_whole_number(json, "n_kv_heads", shape.n_kv_heads);
  get_whole_number(json, "head_dim", shape.head_dim);
  get_whole_number(json, "hidden_size", shape.hidden_size);
  get_whole_number(json, "vocab_size", shape.vocab_size);
  get_whole_number(json, "max_position_embeddings", shape.max_position_embeddings);
  return shape;
}

}  // namespace kvcompare
