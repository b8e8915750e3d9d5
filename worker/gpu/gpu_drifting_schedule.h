// Schedules under the attention expected from Gaussian queries (presses/schedule/schedule_drifting.h), by the
// kernels of worker/gpu/kernels/drifting_schedule_kernel.h.
#pragma once

#include <memory>

#include "worker/gpu/gpu_schedule.h"

namespace kvcompare {

std::unique_ptr<GpuSchedule> make_drifting_schedule(const GaussianQueries& queries, const MethodSpec& method,
                                                    const Chunking& chunking, const GpuScheduleModel& model);

}  // namespace kvcompare
