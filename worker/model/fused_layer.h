// A layer's weights in the form that engines multiply with: matrices that take the same input stand side by
// side in one tensor.
#pragma once

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Matrices are [in, out] in PackedWeights, in the layout of its products, and [out, in] in GpuWeights. If the
// layer lacks a bias or norm, its tensor is undefined.
struct FusedLayer {
  at::Tensor input_norm;             // [d_model]
  at::Tensor qkv, qkv_bias;          // out: n_heads*d_head for q, then n_kv_heads*d_head for k, the same for
                                     // v
  at::Tensor q_norm, k_norm;         // [d_head]
  at::Tensor o, o_bias;              // out: d_model
  at::Tensor post_attention_norm;    // [d_model]
  at::Tensor gate_up, gate_up_bias;  // out: d_ff for gate, then d_ff for up
  at::Tensor down, down_bias;        // out: d_model
};

}  // namespace kvcompare
