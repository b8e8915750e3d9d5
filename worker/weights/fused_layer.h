// A layer's weights as engines multiply with them: those that take the same input side by side.
#pragma once

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Matrices are [in, out] in PackedWeights, [out, in] in GpuWeights. A bias or norm that the model does not
// have is an undefined tensor.
struct FusedLayer {
  at::Tensor input_norm;             // [d_model]
  at::Tensor qkv, qkv_bias;          // out: n_heads*d_head of q, then n_kv_heads*d_head of k, the same of v
  at::Tensor q_norm, k_norm;         // [d_head]
  at::Tensor o, o_bias;              // out: d_model
  at::Tensor post_attention_norm;    // [d_model]
  at::Tensor gate_up, gate_up_bias;  // out: d_ff of gate, then d_ff of up
  at::Tensor down, down_bias;        // out: d_model
};

}  // namespace kvcompare
