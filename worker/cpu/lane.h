// What one thread of the tiled engine computes with. It is kept from tile to tile.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "worker/cpu/interval_attention.h"
#include "worker/cpu/packed_weights.h"
#include "worker/cpu/products.h"
#include "worker/cpu/row_kernels.h"

namespace kvcompare {

template <class T>
at::Tensor grown(at::Tensor& buffer, std::int64_t n) {
  if (!buffer.defined() || buffer.numel() < n)
    buffer = at::empty({n}, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  return buffer.narrow(0, 0, n);
}

// The first numbers of a flat buffer as a matrix.
inline at::Tensor matrix_in(const at::Tensor& flat, std::int64_t n_rows, std::int64_t n_columns) {
  return flat.narrow(0, 0, n_rows * n_columns).view({n_rows, n_columns});
}

inline std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

template <class T>
T* row(const at::Tensor& matrix, std::int64_t i) {
  return matrix.mutable_data_ptr<T>() + i * matrix.stride(0);
}

// RMSNorm of each row.
//   x, out : [n_rows, n]; weight : [n]
template <class T>
void norm_rows(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& out) {
  for (std::int64_t r = 0; r < x.size(0); ++r)
    rms_norm_row(row<T>(x, r), weight.const_data_ptr<T>(), eps, static_cast<std::size_t>(x.size(1)),
                 row<T>(out, r));
}

enum class Phase { kProjections, kSchedules, kAttention, kMlp, kHead };
inline constexpr std::array<const char*, 5> kPhaseNames{"projections", "schedules", "attention", "MLP",
                                                        "head"};

// How the machine multiplies with the weights, and the tokens of a row tile.
struct ProductShape {
  ProductKind kind = ProductKind::kPlain;
  at::ScalarType weights = at::kFloat;
  std::int64_t n_rows = 64;
};

// What one thread computes with; kept from tile to tile.
template <class T>
struct Lane {
  Lane(const ModelConfig& c, const ProductShape& shape)
      : products(shape.kind, shape.weights, shape.n_rows, widest_input(c), widest_output(c)),
        head_products(product_kind_of_head(shape.kind, shape.weights), shape.weights, shape.n_rows,
                      c.hidden_size, std::min(c.vocab_size, PackedWeights::kHeadBlock)) {
    const auto options = at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value);
    n_rows = shape.n_rows;
    hidden = at::empty({n_rows, c.hidden_size}, options);
    qkv = at::empty({n_rows, (c.n_heads + 2 * c.n_kv_heads) * c.head_dim}, options);
    gate_up = at::empty({n_rows, 2 * c.intermediate_size}, options);
    gated = at::empty({n_rows, c.intermediate_size}, options);
    logits = at::empty({n_rows * std::min(c.vocab_size, PackedWeights::kHeadBlock)}, options);
  }

  static std::int64_t widest_input(const ModelConfig& c) {
    return std::max({c.hidden_size, c.n_heads * c.head_dim, c.intermediate_size});
  }
  static std::int64_t widest_output(const ModelConfig& c) {
    return std::max({c.hidden_size, (c.n_heads + 2 * c.n_kv_heads) * c.head_dim, 2 * c.intermediate_size,
                     std::min(c.vocab_size, PackedWeights::kHeadBlock)});
  }

  // Flat, of at least n numbers; made when they are first asked for. For the comparison of distributions.
  at::Tensor kept_logits(std::int64_t n) { return grown<T>(kept_logits_, n); }
  at::Tensor reference_logits(std::int64_t n) { return grown<T>(reference_logits_, n); }

  std::int64_t n_rows = 0;  // of a row tile
  Products products, head_products;
  at::Tensor hidden, qkv, gate_up, gated, logits;
  at::Tensor kept_logits_, reference_logits_;
  AttentionScratch<T> attention;
  std::array<std::int64_t, kPhaseNames.size()> busy_ns{};
};

}  // namespace kvcompare
