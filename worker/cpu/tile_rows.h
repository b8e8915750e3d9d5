// Rows of matrices in memory of the CPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "worker/cpu/row_kernels.h"
#include "worker/model/decoder.h"

namespace kvcompare {

template <class T>
T* row(const at::Tensor& matrix, std::int64_t i) {
  return matrix.mutable_data_ptr<T>() + i * matrix.stride(0);
}

// The first numbers of a flat buffer as a matrix.
inline at::Tensor matrix_in(const at::Tensor& flat, std::int64_t n_rows, std::int64_t n_columns) {
  return flat.narrow(0, 0, n_rows * n_columns).view({n_rows, n_columns});
}

// The norm of each row.
//   x, out : [n_rows, n], out may be x; weight : [n], with the offset of the shape; bias : [n], or undefined
template <class T>
void norm_rows(const NormShape& shape, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
               const at::Tensor& out) {
  const auto n = static_cast<std::size_t>(x.size(1));
  const T* w = weight.const_data_ptr<T>();
  const T* b = bias.defined() ? bias.const_data_ptr<T>() : nullptr;
  for (std::int64_t r = 0; r < x.size(0); ++r) {
    if (shape.kind == NormShape::Kind::kRms)
      rms_norm_row(row<T>(x, r), w, shape.epsilon, n, row<T>(out, r));
    else
      layer_norm_row(row<T>(x, r), w, b, shape.epsilon, n, row<T>(out, r));
  }
}

}  // namespace kvcompare
