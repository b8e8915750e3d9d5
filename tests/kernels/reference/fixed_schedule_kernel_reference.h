// The fixed schedules on the CPU, by the definition: what the kernels are tested against.
#pragma once

#include "worker/gpu/kernels/fixed_schedule_kernel.h"

namespace kvcompare {

void fixed_schedule_kernel_reference(const KeepAllSchedule& task);
void fixed_schedule_kernel_reference(const ThresholdSchedule& task);
void fixed_schedule_kernel_reference(const RatioSchedule& task);
void random_scores_kernel_reference(const RandomScores& task);

}  // namespace kvcompare
