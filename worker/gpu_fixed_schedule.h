// Schedules under scores that are known from the token on (presses/schedule_fixed.h), by the kernels of
// worker/kernels/fixed_schedule_kernel.h.
#pragma once

#include <memory>

#include "presses/scorer.h"
#include "worker/gpu_schedule.h"

namespace kvcompare {

std::unique_ptr<GpuSchedule> make_fixed_schedule(std::unique_ptr<FixedScorer> scorer, SampleIndex sample,
                                                 const MethodSpec& method, const Chunking& chunking,
                                                 const GpuScheduleModel& model);

}  // namespace kvcompare
