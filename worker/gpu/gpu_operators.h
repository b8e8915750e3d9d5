// The kernels of worker/gpu/kernels/ on tensors of float32, float16 or bfloat16, queued on the current stream
// of their device. Results are written into tensors that are there; all are contiguous unless said otherwise.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "presses/attention_scale.h"
#include "worker/gpu/kernels/interval_attention_kernel.h"
#include "worker/gpu/kernels/stream.h"
#include "worker/model/decoder.h"
#include "worker/model/rotation_tables.h"

namespace kvcompare {

gpu::Stream current_stream(const at::Device& device);

// The first elements of a buffer of one dimension, as a tensor of these sizes.
at::Tensor front_of(const at::Tensor& buffer, at::IntArrayRef sizes);

// x += multiplier * delta; out = the norm of x. Without a weight nothing is normed and out is not touched.
//   x, out       : [n_rows, d_model], rows may lie apart; out may be x
//   delta        : [n_rows, d_model], or undefined
//   weight, bias : [d_model], or undefined
struct NormWeights {
  const NormShape& shape;
  at::Tensor weight, bias{};
};
void add_norm(const at::Tensor& x, const at::Tensor& delta, double multiplier, const NormWeights& norm,
              const at::Tensor& out);

// Norms the heads of q and k in place where the model has such norms, and rotates them into `rotated`.
//   qkv            : [n_tokens, (n_heads + 2 n_kv_heads) d_head]
//   q_norm, k_norm : [d_head], or undefined
//   rotation       : [>= n_tokens, d_head / 2], float32
//   rotated        : [n_tokens, n_heads + n_kv_heads, d_head]
struct HeadNorms {
  const NormShape& shape;
  at::Tensor q_norm, k_norm;
};
void rotate_heads(const at::Tensor& qkv, const HeadNorms& norms, const LayerRotation& rotation,
                  std::int64_t n_heads, const at::Tensor& rotated);

// out = activation(gate) * up, or activation(up) without a gate.
//   gate_up    : [n_rows, 2 d_ff], or [n_rows, d_ff]; out : [n_rows, d_ff]
//   parameters : FusedLayer::activation
void apply_gating(const MlpShape& mlp, const at::Tensor& parameters, const at::Tensor& gate_up,
                  const at::Tensor& out);

// logits : [n_rows, vocab]; targets : [n_rows], int64; nll : [n_rows], float32; top1 : [n_rows], int32
void nll_of_targets(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll,
                    const at::Tensor& top1);

// logits, reference : [n_rows, vocab]; kl, acceptance : [n_rows], float32
void compare_rows(const at::Tensor& logits, const at::Tensor& reference, const at::Tensor& kl,
                  const at::Tensor& acceptance);

// How products of queries and keys become weights, as in AttentionRule.
struct AttentionLogits {
  AttentionScale scale;
  std::optional<double> cap{};
  at::Tensor sinks{};  // [n_heads] on the device, in any precision, or undefined
};

// Query i sees key j if and only if j <= i < until[j].
//   rotated : [n_tokens, n_heads + n_kv_heads, d_head], with RoPE
//   qkv     : [n_tokens, (n_heads + 2 n_kv_heads) d_head], whose values are used
//   until   : [n_kv_heads, n_tokens], int32
//   out     : [n_tokens, n_heads d_head]
void attend_to_alive(const at::Tensor& rotated, const at::Tensor& qkv, const at::Tensor& until,
                     const AttentionLogits& logits, const at::Tensor& out,
                     MatrixInstruction instruction = MatrixInstruction::kBest);

// out = rows columns^T, a batch at a time, summed up in float32.
//   rows    : [n, n_rows, d], columns : [n, n_columns, d], of one type; rows of columns may lie apart
//   out     : [n, n_rows, n_columns], float32
// products: of float32 elements; kTf32 keeps 10 of the 23 bits of each factor's mantissa.
enum class FloatProducts { kExact, kTf32 };
void multiply_rows(const at::Tensor& rows, const at::Tensor& columns, FloatProducts products, at::Tensor out);

}  // namespace kvcompare
