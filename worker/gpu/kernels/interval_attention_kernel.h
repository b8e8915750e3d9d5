// Attention under eviction on the GPU: query i sees key j of its KV head if and only if j <= i < until[j].
// Softmax of q k scale, capped, and beside a sink, where there is one. T: float, c10::Half or c10::BFloat16.
// Pointers into device memory.
#pragma once

#include <cstdint>

#include "worker/gpu/kernels/stream.h"

namespace kvcompare {

// One layer of one unit. Rows are tokens; strides are in elements, from a token to the next.
template <class T>
struct IntervalAttention {
  const T* q = nullptr;  // [n_tokens, n_heads, d_head], with RoPE
  const T* k = nullptr;  // [n_tokens, n_kv_heads, d_head], with RoPE
  const T* v = nullptr;  // [n_tokens, n_kv_heads, d_head]
  std::int64_t q_stride = 0;
  std::int64_t k_stride = 0;
  std::int64_t v_stride = 0;
  T* out = nullptr;  // [n_tokens, n_heads, d_head]
  std::int64_t out_stride = 0;
  const std::int32_t* until = nullptr;  // [n_kv_heads, n_tokens], contiguous; j < until[j]
  std::int64_t n_tokens = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;   // divides n_heads
  std::int64_t d_head = 0;       // 1 to 256
  double scale = 0;              // of the logits: 1 / sqrt(d_head) in most models
  double cap = 0;                // logits become cap tanh(logit / cap); 0: they stay what they are
  const float* sinks = nullptr;  // [n_heads]: a logit of each head that has no value; null: none
};

enum class MatrixInstruction {
  kBest,     // that the device has: wgmma on compute capability 9.0
  kMmaSync,  // that all have
};

// Whether Half and BFloat16 are computed by tensor cores: with a head size of 64, 80, 96, 128 or 256.
bool has_matrix_kernel(std::int64_t d_head);

// Whether tensor cores are then asked by wgmma, on the current device.
bool uses_wgmma(MatrixInstruction instruction);

// Half and BFloat16 by tensor cores where there is a matrix kernel: sums in float, softmax
// weights rounded to T before they meet the values. All else in float. The sums of a query run in an order
// that depends on `until`, n_tokens, the number of heads and the instruction alone.
// Throws std::invalid_argument for another d_head, for n_heads that are no multiple of n_kv_heads, and, where
// tensor cores are used, for rows of q, k or v not aligned to 16 bytes or rows of out not aligned to 4.
template <class T>
void interval_attention_kernel(const IntervalAttention<T>& task, gpu::Stream stream,
                               MatrixInstruction instruction = MatrixInstruction::kBest);

}  // namespace kvcompare
