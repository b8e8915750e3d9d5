// Schedules under scores that are known from the token on (presses/schedule/schedule_fixed.h), by the kernels
// of worker/gpu/kernels/fixed_schedule_kernel.h.
#pragma once

#include <memory>

#include "presses/scorer.h"
#include "worker/gpu/gpu_schedule.h"

namespace kvcompare {

// Of any fixed scorer.
std::unique_ptr<GpuSchedule> make_token_schedule(std::unique_ptr<FixedScorer> scorer, SampleIndex sample,
                                                 const MethodSpec& method, const Chunking& chunking,
                                                 const GpuScheduleModel& model);

// Under scores by which a press asks for random numbers.
std::unique_ptr<GpuSchedule> make_philox_schedule(const PhiloxScores& philox, SampleIndex sample,
                                                  const MethodSpec& method, const Chunking& chunking,
                                                  const GpuScheduleModel& model);

// Under scores that are positions.
std::unique_ptr<GpuSchedule> make_position_schedule(const MethodSpec& method, const Chunking& chunking,
                                                    const GpuScheduleModel& model);

}  // namespace kvcompare
