// Schedules under observed_attention (presses/schedule/schedule_observing.h), by the kernels of
// worker/gpu/kernels/observing_schedule_kernel.h.
#pragma once

#include <memory>

#include "worker/gpu/gpu_schedule.h"

namespace kvcompare {

// Throws std::invalid_argument if there are more query heads a KV head than the kernels serve.
std::unique_ptr<GpuSchedule> make_observing_schedule(const MethodSpec& method, const Chunking& chunking,
                                                     const GpuScheduleModel& model);

}  // namespace kvcompare
