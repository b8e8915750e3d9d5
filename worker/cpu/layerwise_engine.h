// The way of the tiled engine (worker/cpu/tiled_engine.h) by libtorch's operators: on any device and in any
// precision.
#pragma once

#include <cstdint>
#include <memory>

#include "presses/registry.h"
#include "worker/engine/death_observer.h"
#include "worker/engine/engine.h"
#include "worker/model/model.h"

namespace kvcompare {

struct LayerwiseOptions {
  std::int64_t chunk_size = 1;
  DeathObserver observe_deaths = nullptr;  // for units that are run alone
};

// One unit at a time. Schedules are made on the CPU. model and resources outlive the engine.
std::unique_ptr<Engine> make_layerwise_engine(const Model& model, const ScorerResources& resources,
                                              LayerwiseOptions options);

}  // namespace kvcompare
