// Attention under eviction by libtorch's operators, on any device and in any precision: what tests compare
// the engines' own attention with, and what passes a model where a test has no engine.
#pragma once

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Query i sees key j of its KV head if and only if j <= i < until[j]. Softmax is in float32 at least.
//   q       : [n_heads, n_tokens, d_head]
//   k, v    : [n_kv_heads, n_tokens, d_head]
//   until   : [n_kv_heads, n_tokens], int32
//   returns : [n_heads, n_tokens, d_head]
at::Tensor interval_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const at::Tensor& until);

}  // namespace kvcompare
