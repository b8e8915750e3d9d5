// What a decoder layer does between its products, on the GPU. T: float, c10::Half or c10::BFloat16; computed
// in float, rounded to T where libtorch's operators of worker/model/model.cpp would. Pointers into device
// memory.
#pragma once

#include <cstdint>

#include "worker/gpu/kernels/stream.h"

namespace kvcompare {

// x += delta, then out = x / rms(x) * weight (RMSNorm, arXiv 1910.07467), row by row.
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

// The heads of queries and keys: their norm, if the model has one, in place; then RoPE (arXiv 2104.09864).
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

// out = silu(gate) * up
template <class T>
struct SiluMultiply {
  const T* gate_up = nullptr;  // [n_rows, 2 * d_ff]: gate, then up
  T* out = nullptr;            // [n_rows, d_ff]
  std::int64_t n_rows = 0;
  std::int64_t d_ff = 0;
};

// Negative log-likelihood of a target in each row, in nats: log-sum-exp in float, less the target's logit.
template <class T>
struct CrossEntropy {
  const T* logits = nullptr;              // [n_rows, vocab]
  const std::int64_t* targets = nullptr;  // [n_rows]
  float* nll = nullptr;                   // [n_rows]
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

}  // namespace kvcompare
