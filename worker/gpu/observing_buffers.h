// What an observing schedule works in on a GPU. worker/gpu/kernels/observing_schedule_kernel.h says what each
// buffer is for.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "worker/gpu/buffer_table.h"
#include "worker/model/decoder.h"

namespace kvcompare {

struct ObservingBuffers {
  at::Tensor positions, received, rows, columns, logits, weights, sums;
};

// What the buffers are for: blocks of at most n_block_rows rows and `capacity` columns, of tensors of a type.
struct ObservingSizes {
  std::int64_t n_block_rows = 0;
  std::int64_t capacity = 0;
  at::ScalarType type = at::kFloat;
};

BufferTable<ObservingBuffers> observing_buffers(const HeadShape& heads, const ObservingSizes& sizes);

}  // namespace kvcompare
