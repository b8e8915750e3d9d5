// Which engines there are, and which of them `--engine` asks for.
#pragma once

#include <string_view>

#include <c10/core/Device.h>

#include "common/run/dtype.h"

namespace kvcompare {

enum class EngineKind {
  kStepwise,   // the referee: chunk by chunk, on any device and in any number format
  kTiled,      // whole samples at once, for the CPU
  kGpu,        // the same for GPUs
  kLayerwise,  // the same by libtorch's operators, where neither of the two computes
};

// What the value of --engine means on a device.
//   engine : "stepwise", or "layerwise": the engine that passes whole samples through a layer
EngineKind engine_kind(std::string_view engine, const c10::Device& device, Dtype dtype);

}  // namespace kvcompare
