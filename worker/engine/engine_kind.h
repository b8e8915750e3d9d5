// Which engines there are, and which of them `--engine` asks for.
#pragma once

#include <string_view>

#include <c10/core/Device.h>

#include "common/run/dtype.h"

namespace kvcompare {

enum class EngineKind {
  kStepwise,  // the referee: chunk by chunk, on any device and in any number format
  kTiled,     // whole samples at once, for the CPU, in any number format
  kGpu,       // the same for GPUs, in float32, bfloat16 and float16
};

// What the value of --engine means on a device.
//   engine : "stepwise", or "layerwise": the engine that passes whole samples through a layer.
//            For float64 on a GPU there is none: the stepwise engine computes instead.
EngineKind engine_kind(std::string_view engine, const c10::Device& device, Dtype dtype);

}  // namespace kvcompare
