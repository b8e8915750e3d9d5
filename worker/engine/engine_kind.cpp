#include "worker/engine/engine_kind.h"

namespace kvcompare {

EngineKind engine_kind(std::string_view engine, const c10::Device& device, Dtype dtype) {
  if (engine == "stepwise") return EngineKind::kStepwise;
  if (device.is_cpu()) return EngineKind::kTiled;
  return dtype == Dtype::kFloat64 ? EngineKind::kStepwise : EngineKind::kGpu;
}

}  // namespace kvcompare
