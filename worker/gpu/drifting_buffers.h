// What a drifting schedule works in on a GPU. worker/gpu/kernels/drifting_schedule_kernel.h says what each
// buffer is for.
#pragma once

#include <ATen/core/Tensor.h>

#include "presses/schedule/drifting_plan.h"
#include "worker/gpu/buffer_table.h"
#include "worker/gpu/kernels/drifting_schedule_kernel.h"

namespace kvcompare {

struct DriftingBuffers {
  at::Tensor positions, log_vnorm, scores, key_features, evicted, log_vnorm_of_tokens;
  at::Tensor query_features, z, largest, sums;
  at::Tensor mean, next_mean, scatter;
};

BufferTable<DriftingBuffers> drifting_buffers(const DriftingShape& shape, const DriftingPlan& plan,
                                              std::int64_t n_tokens);

}  // namespace kvcompare
