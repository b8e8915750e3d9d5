// The layerwise engine on a GPU: kernels of our own (worker/gpu/kernels/) between libtorch's products. Units
// pass a layer together, each in buffers and on a stream of its own, so that the device is busy while one of
// them scans, and no number depends on company.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "common/run/protocol.h"
#include "presses/registry.h"
#include "worker/engine/death_observer.h"
#include "worker/engine/engine.h"
#include "worker/gpu/gpu_operators.h"
#include "worker/gpu/gpu_weights.h"
#include "worker/gpu/memory_plan.h"

namespace kvcompare {

inline constexpr std::int64_t kLeastGpuBlockRows = 256;  // where memory does not suffice for more

struct GpuEngineOptions {
  std::int64_t chunk_size = 1;
  Protocol protocol{};
  // Of the wide matrices (gate and up, logits) that exist at once.
  std::int64_t n_rows = kGpuBlockRows;
  const MemoryPlan* plan = nullptr;  // says how many units pass a layer together; null: n_units
  std::size_t n_units = 1;
  std::span<const MethodSpec> methods = {};  // of the run; for n_tokens_at_once, with a plan
  DeathObserver observe_deaths = nullptr;    // told when a unit is done
  // Of expected_attention's features. Null: kExact in float32; in 16 bits kTf32, of whose rounding
  // docs/gpu.md shows the effect.
  std::optional<FloatProducts> feature_products = std::nullopt;
};

// float32, float16 or bfloat16, on the device of the weights. A CPU will do where the kernels are emulated.
// weights and resources outlive the engine.
std::unique_ptr<Engine> make_gpu_engine(GpuWeights& weights, const ScorerResources& resources,
                                        GpuEngineOptions options);

}  // namespace kvcompare
