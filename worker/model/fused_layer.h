// A layer's weights in the form that engines multiply with: matrices that take the same input stand side by
// side in one tensor.
#pragma once

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Matrices are [in, out] in PackedWeights, in the layout of its products, and [out, in] in GpuWeights. Those
// of experts are [n_experts, in, out], and [n_experts * out, in]; their biases [n_experts * out]. What the
// layer lacks is an undefined tensor. Norms are as in LayerWeights.
struct FusedLayer {
  at::Tensor input_norm, input_norm_bias;          // [d_model]
  at::Tensor qkv, qkv_bias;                        // out: n_heads*d_head for q, then n_kv_heads*d_head for k,
                                                   // the same for v
  at::Tensor q_norm, k_norm;                       // [d_head], or of all heads
  at::Tensor sinks;                                // [n_heads]
  at::Tensor o, o_bias;                            // out: d_model
  at::Tensor attention_norm, attention_norm_bias;  // [d_model]
  at::Tensor mlp_input_norm, mlp_input_norm_bias;  // [d_model]
  at::Tensor router, router_bias;                  // out: n_experts
  at::Tensor gate_up, gate_up_bias;                // out: d_ff for gate if there is one, then d_ff for up
  at::Tensor activation;                           // [4] of xIELU: alpha_p, alpha_n, beta, eps as stored
  at::Tensor down, down_bias;                      // out: d_model
  at::Tensor mlp_norm, mlp_norm_bias;              // [d_model]
};

}  // namespace kvcompare
