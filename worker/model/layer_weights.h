// The weights of a decoder as a checkpoint stores them, each tensor by itself.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Projections are [out, in]. A bias or norm that the layer does not have is an undefined tensor.
struct LayerWeights {
  at::Tensor input_norm;  // [d_model]
  at::Tensor q, k, v,
      o;  // [n_heads*d_head, d_model], [n_kv_heads*d_head, d_model] twice, [d_model, n_heads*d_head]
  at::Tensor q_bias, k_bias, v_bias, o_bias;
  at::Tensor q_norm, k_norm;       // [d_head]
  at::Tensor post_attention_norm;  // [d_model]
  at::Tensor gate, up, down;       // [d_ff, d_model] twice, [d_model, d_ff]
  at::Tensor gate_bias, up_bias, down_bias;
};

struct ModelWeights {
  at::Tensor embedding;  // [vocab, d_model]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // [d_model]
  at::Tensor lm_head;     // [vocab, d_model]; same storage as embedding if tied
};

}  // namespace kvcompare
