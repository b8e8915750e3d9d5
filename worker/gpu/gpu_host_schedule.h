// Schedules that a press makes on the host, from states that are copied there: for presses without kernels.
#pragma once

#include <memory>

#include "presses/policy/layer_press.h"
#include "worker/gpu/gpu_schedule.h"

namespace kvcompare {

// make() waits for the device. It throws std::domain_error if a score is NaN.
std::unique_ptr<GpuSchedule> make_host_schedule(std::unique_ptr<LayerPress> press, SampleIndex sample,
                                                const MethodSpec& method, const Chunking& chunking,
                                                const GpuScheduleModel& model);

}  // namespace kvcompare
