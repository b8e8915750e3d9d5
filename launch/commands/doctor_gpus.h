// What kvcompare doctor says about the GPUs of a host, about what a program needs to use them, and about the
// devices that a run would choose.
#pragma once

#include <string>

#include "launch/commands/doctor_findings.h"
#include "worker/devices/gpus.h"

namespace kvcompare::doctor {

Finding cuda(const GpuFacts& facts);
Finding cuda_driver(const GpuFacts& facts);
Finding gpu(int index);
Finding nccl();

//   request : as in --device
Finding devices(const std::string& request, const GpuFacts& facts);

}  // namespace kvcompare::doctor
