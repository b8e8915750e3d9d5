// Chunk by chunk, as generation with a pruned cache would do it: the reference inside the product.
// After a chunk has passed a layer, the keys that the press evicts there are gathered out of the cache, per
// KV head.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/run/protocol.h"
#include "presses/registry.h"
#include "worker/engine/engine.h"
#include "worker/model/model.h"

namespace kvcompare {

// Told after every event which keys of a layer are alive: positions per KV head, [n_alive] int64 ascending.
using AliveObserver =
    std::function<void(LayerIndex, std::int64_t n, const std::vector<at::Tensor>& positions)>;

struct StepwiseOptions {
  std::int64_t chunk_size = 1;
  Protocol protocol{};
  AliveObserver observe_alive = nullptr;
};

// model and resources outlive the engine.
std::unique_ptr<Engine> make_stepwise_engine(const Model& model, const ScorerResources& resources,
                                             StepwiseOptions options);

}  // namespace kvcompare
