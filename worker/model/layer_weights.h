// The weights of a decoder as engines know them, each tensor by itself. Channels of queries and keys are in
// the order of stored_channels().
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Projections are [out, in]. What the layer does not have is an undefined tensor.
struct LayerWeights {
  at::Tensor input_norm, input_norm_bias;  // [d_model], before attention
  at::Tensor q, k, v,
      o;  // [n_heads*d_head, d_model], [n_kv_heads*d_head, d_model] twice, [d_model, n_heads*d_head]
  at::Tensor q_bias, k_bias, v_bias, o_bias;
  at::Tensor q_norm, k_norm;                       // [d_head], or [n_heads*d_head] and [n_kv_heads*d_head]
  at::Tensor sinks;                                // [n_heads]
  at::Tensor attention_norm, attention_norm_bias;  // [d_model], of what attention gives
  at::Tensor mlp_input_norm, mlp_input_norm_bias;  // [d_model], before the MLP
  at::Tensor router, router_bias;                  // [n_experts, d_model], [n_experts]
  at::Tensor gate_up, gate_up_bias;                // [n_experts, 2*d_ff, d_model], [n_experts, 2*d_ff]: gate,
                                                   // then up, of experts that are stored together
  at::Tensor gate, up, down;                       // [d_ff, d_model] twice, [d_model, d_ff]; of experts
                                                   // [n_experts, ...]
  at::Tensor gate_bias, up_bias, down_bias;
  at::Tensor activation_p, activation_n, activation_beta, activation_epsilon;  // one number, of xIELU
  at::Tensor mlp_norm, mlp_norm_bias;  // [d_model], of what the MLP gives
};

struct ModelWeights {
  at::Tensor embedding;  // [vocab, d_model]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm, final_norm_bias;  // [d_model]
  at::Tensor lm_head;                      // [vocab, d_model]; same storage as embedding if tied
};

}  // namespace kvcompare
