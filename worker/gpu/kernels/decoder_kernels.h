// GPU kernels for what a decoder layer computes between its matrix products. T is float, c10::Half or
// c10::BFloat16. The kernels compute in float, and round to T where libtorch's operators in
// worker/model/model.cpp round. All pointers are into device memory.
#pragma once

#include <cstdint>

#include "worker/gpu/kernels/stream.h"

namespace kvcompare {

// Computes x += delta, and then out = x / rms(x) * weight (RMSNorm, arXiv 1910.07467), row by row.
template <class T>
struct AddRmsNorm {
  T* x = nullptr;             // [n_rows, d_model], the residual stream
  const T* delta = nullptr;   // [n_rows, d_model]; null: nothing is added
  const T* weight = nullptr;  // [d_model]
  T* out = nullptr;           // [n_rows, d_model]; null: no norm
  std::int64_t n_rows = 0;
  std::int64_t d_model = 0;
  float epsilon = 0;
};

// Prepares the heads of queries and keys: applies their norm in place, if the model has one, and then RoPE
// (arXiv 2104.09864).
template <class T>
struct RotateHeads {
  T* heads = nullptr;  // [n_tokens, stride]: n_heads of q, then n_kv_heads of k, d_head each
  std::int64_t stride = 0;
  const T* q_norm = nullptr;  // [d_head], or null
  const T* k_norm = nullptr;
  const float* cos = nullptr;  // [n_tokens, d_head / 2]
  const float* sin = nullptr;
  T* rotated = nullptr;  // [n_tokens, n_heads + n_kv_heads, d_head]
  std::int64_t n_tokens = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t d_head = 0;  // even, at most 1024
  float epsilon = 0;
};

// Computes out = silu(gate) * up.
template <class T>
struct SiluMultiply {
  const T* gate_up = nullptr;  // [n_rows, 2 * d_ff]: gate, then up
  T* out = nullptr;            // [n_rows, d_ff]
  std::int64_t n_rows = 0;
  std::int64_t d_ff = 0;
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
void decoder_kernel(const AddRmsNorm<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const RotateHeads<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const SiluMultiply<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const CrossEntropy<T>& task, gpu::Stream stream);
template <class T>
void decoder_kernel(const CompareRows<T>& task, gpu::Stream stream);

}  // namespace kvcompare
