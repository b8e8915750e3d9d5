// GPU kernels for what a decoder layer computes between its matrix products. T is float, c10::Half or
// c10::BFloat16. The kernels compute in float, and round to T where libtorch's operators in
// worker/model/model.cpp round. All pointers are into device memory.
#pragma once

#include <cstdint>

#include "worker/gpu/kernels/stream.h"

namespace kvcompare {

// Computes x += multiplier * delta, and then out = x / rms(x) * (offset + weight) (RMSNorm, arXiv
// 1910.07467), row by row; or (x - mean(x)) / deviation(x) * (offset + weight) + bias (LayerNorm, arXiv
// 1607.06450).
template <class T>
struct AddNorm {
  T* x = nullptr;             // [n_rows, d_model], rows x_stride apart: the residual stream
  const T* delta = nullptr;   // [n_rows, d_model]; null: nothing is added
  const T* weight = nullptr;  // [d_model]
  const T* bias = nullptr;    // [d_model]; null: none
  T* out = nullptr;           // [n_rows, d_model], rows out_stride apart, may be x; null: no norm
  std::int64_t n_rows = 0;
  std::int64_t d_model = 0;
  std::int64_t x_stride = 0;
  std::int64_t out_stride = 0;
  float multiplier = 1;
  float epsilon = 0;
  float offset = 0;
  std::int32_t is_centred = 0;  // not 0: LayerNorm. No bool: the kernels' structs have no padding
};

// Prepares the heads of queries and keys: applies their norm in place, if the model has one, and then RoPE
// (arXiv 2104.09864). Queries may have cosines and sines of their own, which scale them too.
template <class T>
struct RotateHeads {
  T* heads = nullptr;  // [n_tokens, stride]: n_heads of q, then n_kv_heads of k, d_head each
  std::int64_t stride = 0;
  const T* q_norm = nullptr;  // [d_head], or null
  const T* k_norm = nullptr;
  const float* q_cos = nullptr;  // [n_tokens, d_head / 2]
  const float* q_sin = nullptr;
  const float* k_cos = nullptr;  // likewise
  const float* k_sin = nullptr;
  T* rotated = nullptr;  // [n_tokens, n_heads + n_kv_heads, d_head]
  std::int64_t n_tokens = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t d_head = 0;  // even, at most 1024
  float epsilon = 0;
  float offset = 0;  // is added to the weights of the norms
};

enum class GatingFunction { kSilu, kSquaredRelu, kGeluTanh, kXielu, kClampedSwiglu };

// Computes out = function(gate) * up, or function(up) if there is no gate. Of kClampedSwiglu, which has one:
// min(gate, limit) sigmoid(alpha min(gate, limit)) (1 + clamp(up, -limit, limit)).
template <class T>
struct Gating {
  GatingFunction function = GatingFunction::kSilu;
  std::int32_t is_gated = 1;
  const T* gate_up = nullptr;  // [n_rows, 2 * d_ff]: gate, then up; without a gate [n_rows, d_ff]
  T* out = nullptr;            // [n_rows, d_ff]
  std::int64_t n_rows = 0;
  std::int64_t d_ff = 0;
  const T* parameters = nullptr;  // [4] of xIELU (arXiv 2411.13010): alpha_p, alpha_n, beta, eps as stored
  float alpha = 0;                // of kClampedSwiglu
  float limit = 0;
};

// Computes the negative log-likelihood of the target of each row, in nats: the log-sum-exp in float, minus
// the target's logit. And the id of the largest logit, the smallest one on a tie.
template <class T>
struct CrossEntropy {
  const T* logits = nullptr;              // [n_rows, vocab]
  const std::int64_t* targets = nullptr;  // [n_rows]
  float* nll = nullptr;                   // [n_rows]
  std::int32_t* top1 = nullptr;           // [n_rows]; vocab if a logit is no number
  std::int64_t n_rows = 0;
  std::int64_t vocab = 0;
};

// Compares the distribution p of each row of logits with p0 of the same row of other logits. Rows that are
// equal bit for bit have kl 0 and acceptance 1, exactly.
template <class T>
struct CompareRows {
  const T* logits = nullptr;     // [n_rows, vocab], of p
  const T* reference = nullptr;  // [n_rows, vocab], of p0
  float* kl = nullptr;           // [n_rows], nats: sum over v of p0(v) (ln p0(v) - ln p(v))
  float* acceptance = nullptr;   // [n_rows]: sum over v of min(p(v), p0(v))
  std::int64_t n_rows = 0;
  std::int64_t vocab = 0;
};

template <class T>
void decoder_kernel(const AddNorm<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const RotateHeads<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const Gating<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const CrossEntropy<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const CompareRows<T>& task, gpu::Stream stream);

}  // namespace kvcompare
