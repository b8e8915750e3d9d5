// The engine for the CPU. A whole sequence passes one layer at once: projections of all tokens, then the
// schedule (when does each key of each KV head die), then one attention in which every query sees the keys
// that its chunk sees. What happens in a layer depends on nothing beyond it, so the numbers are those of the
// stepwise engine, for the price of one pass.
#pragma once

#include <cstdint>
#include <memory>

#include "presses/registry.h"
#include "worker/cpu/packed_weights.h"
#include "worker/engine/death_observer.h"
#include "worker/engine/engine.h"

namespace kvcompare {

struct TiledOptions {
  std::int64_t chunk_size = 1;
  int n_threads = 1;
  DeathObserver observe_deaths = nullptr;  // for units that are run alone
};

// Cuts samples in fixed tiles, which n_threads threads take in turn: a single long sample uses all threads,
// no result depends on how many there are, and several units are computed at once. Made and used by one
// thread. Weights of bfloat16 and float16 are multiplied as products.h says; everything between products is
// float32. weights and resources outlive the engine; of engines on weights that stream only one may run at a
// time.
std::unique_ptr<Engine> make_tiled_engine(PackedWeights& weights, const ScorerResources& resources,
                                          TiledOptions options);

}  // namespace kvcompare
