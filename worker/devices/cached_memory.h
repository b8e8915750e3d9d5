// Memory of a GPU that libtorch holds although no tensor of this process uses it.
#pragma once

#include <c10/core/Device.h>

namespace kvcompare {

// Gives it back, so that the GPU counts it as free. Nothing on a CPU.
void give_back_cached_memory(const c10::Device& device);

}  // namespace kvcompare
