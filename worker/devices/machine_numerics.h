// The arithmetic that this process computes with.
#pragma once

#include <string>

#include <c10/core/Device.h>

#include "common/run/numerics.h"

namespace kvcompare {

//   instruction_set : what Engine::instruction_set returns
Numerics machine_numerics(const c10::Device& device, const std::string& instruction_set);

// The version of the libtorch that is loaded: "2.11.0"; "unknown" if it does not say.
std::string loaded_libtorch_version();

// "Intel(R) Xeon(R) Processor (family 6, model 143)"; "unknown" if the system does not say.
//   cpuinfo : the text of /proc/cpuinfo
std::string processor_name(const std::string& cpuinfo);

}  // namespace kvcompare
