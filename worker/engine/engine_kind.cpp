#include "worker/engine/engine_kind.h"

namespace kvcompare {

EngineKind engine_kind(std::string_view engine, const c10::Device& device, Dtype dtype) {
  if (engine == "stepwise") return EngineKind::kStepwise;
  if (device.is_cuda()) return dtype == Dtype::kFloat64 ? EngineKind::kLayerwise : EngineKind::kGpu;
  return dtype == Dtype::kFloat32 || dtype == Dtype::kFloat64 ? EngineKind::kTiled : EngineKind::kLayerwise;
}

}  // namespace kvcompare
