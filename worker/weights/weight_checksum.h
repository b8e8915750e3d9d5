// Two sums over the bits of a tensor: of its numbers x_i as integers, sum x_i and sum (i + 1) x_i, both
// modulo 2^64. One changed bit changes the first, numbers in another order the second. Integers, so that no
// order of adding changes them: every device has the same.
#pragma once

#include <ATen/core/Tensor.h>

namespace kvcompare {

// Computed where the tensor lies, queued on the current stream; a few blocks of memory on the way.
//   tensor  : contiguous floating-point numbers
//   returns : [2], int64, on the same device
at::Tensor weight_checksum(const at::Tensor& tensor);

}  // namespace kvcompare
