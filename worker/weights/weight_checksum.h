// Computes two sums over the bits of a tensor. With its numbers x_i read as integers they are sum x_i and sum
// (i + 1) x_i, both modulo 2^64. One changed bit changes the first sum, and numbers in another order change
// the second. Sums of integers do not depend on the order of adding, so every device gets the same.
#pragma once

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Computes on the tensor's device, queued on the current stream, and needs a few blocks of memory for it.
//   tensor  : contiguous floating-point numbers
//   returns : [2], int64, on the same device
at::Tensor weight_checksum(const at::Tensor& tensor);

}  // namespace kvcompare
