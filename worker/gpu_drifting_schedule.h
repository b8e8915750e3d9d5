// Schedules under expected_attention (presses/schedule_drifting.h), by the kernels of
// worker/kernels/drifting_schedule_kernel.h. The products of features are in float32 if the model is, else in
// TF32: their inputs come from 16-bit queries and keys then, which have no more bits.
#pragma once

#include <memory>

#include "presses/rope.h"
#include "worker/gpu_schedule.h"

namespace kvcompare {

// rope outlives it.
std::unique_ptr<GpuSchedule> make_drifting_schedule(const MethodSpec& method, const Chunking& chunking,
                                                    const ModelConfig& config, const Rope& rope,
                                                    const at::TensorOptions& options);

}  // namespace kvcompare
