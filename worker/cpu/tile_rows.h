// Rows of matrices in memory of the CPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "worker/cpu/row_kernels.h"

namespace kvcompare {

template <class T>
T* row(const at::Tensor& matrix, std::int64_t i) {
  return matrix.mutable_data_ptr<T>() + i * matrix.stride(0);
}

// The first numbers of a flat buffer as a matrix.
inline at::Tensor matrix_in(const at::Tensor& flat, std::int64_t n_rows, std::int64_t n_columns) {
  return flat.narrow(0, 0, n_rows * n_columns).view({n_rows, n_columns});
}

// RMSNorm of each row.
//   x, out : [n_rows, n]; weight : [n]
template <class T>
void norm_rows(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& out) {
  for (std::int64_t r = 0; r < x.size(0); ++r)
    rms_norm_row(row<T>(x, r), weight.const_data_ptr<T>(), eps, static_cast<std::size_t>(x.size(1)),
                 row<T>(out, r));
}

}  // namespace kvcompare
