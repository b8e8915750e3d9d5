// Every engine of the CPU on the same model, behind one constructor and one observer. With that of the GPU:
// tests/property/engine_under_test.h.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/tensor.h>

#include "tests/support/model_for_test.h"
#include "worker/cpu/tiled_engine.h"
#include "worker/engine/engine_kind.h"
#include "worker/stepwise/stepwise_engine.h"

namespace kvcompare {

inline constexpr EngineKind kCpuEngines[] = {EngineKind::kStepwise, EngineKind::kTiled};

inline std::string name_of(EngineKind kind) {
  return kind == EngineKind::kStepwise ? "stepwise" : kind == EngineKind::kTiled ? "tiled" : "gpu";
}
inline void PrintTo(EngineKind kind, std::ostream* out) { *out << name_of(kind); }

// [layer * n_kv_heads + head][position]
using AllDeaths = std::vector<std::vector<DeathTime>>;

// A layerwise engine that tells an AliveObserver, after the run, what its death times mean.
class ReplayingEngine : public Engine {
 public:
  ReplayingEngine(std::int64_t n_kv_heads, std::int64_t chunk_size, AliveObserver observer,
                  const Protocol& protocol = {})
      : n_kv_heads_(n_kv_heads),
        chunk_size_(chunk_size),
        protocol_(protocol),
        observer_(std::move(observer)) {}

  DeathObserver death_observer() {
    return [this](LayerIndex layer, std::int64_t, std::span<const DeathTime> deaths) {
      deaths_.emplace_back(deaths.begin(), deaths.end());
      layers_.push_back(layer);
    };
  }
  void set_engine(std::unique_ptr<Engine> engine) { engine_ = std::move(engine); }

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    deaths_.clear();
    layers_.clear();
    auto outcomes = engine_->run_together(tasks);
    const auto& sample = *tasks.front().sample;
    const auto chunking = chunking_of(std::ssize(sample.ids), sample.n_context, chunk_size_, protocol_);
    for (std::size_t first = 0; first < deaths_.size(); first += static_cast<std::size_t>(n_kv_heads_))
      for (std::int64_t e = 0; e < chunking.n_events(); ++e) replay(first, e, chunking.n_at(e));
    return outcomes;
  }

 private:
  void replay(std::size_t first, std::int64_t e, std::int64_t n) const {
    std::vector<at::Tensor> positions;
    for (std::size_t h = first; h < first + static_cast<std::size_t>(n_kv_heads_); ++h) {
      std::vector<std::int64_t> alive;
      for (std::int64_t j = 0; j < n; ++j)
        if (deaths_[h][static_cast<std::size_t>(j)] > e) alive.push_back(j);
      positions.push_back(at::tensor(alive, at::kLong));
    }
    observer_(layers_[first], n, positions);
  }

  std::int64_t n_kv_heads_;
  std::int64_t chunk_size_;
  Protocol protocol_;
  AliveObserver observer_;
  AllDeaths deaths_;
  std::vector<LayerIndex> layers_;  // of each of them: layers that do not evict are missing
  std::unique_ptr<Engine> engine_;
};

// kind: of the CPU. loaded outlives the engine. With an observer one unit is run at a time.
inline std::unique_ptr<Engine> make_engine(EngineKind kind, const ModelForTest& loaded,
                                           std::int64_t chunk_size, AliveObserver observer = nullptr,
                                           const Protocol& protocol = {}) {
  if (kind == EngineKind::kStepwise)
    return make_stepwise_engine(
        *loaded.model, loaded.resources(),
        {.chunk_size = chunk_size, .protocol = protocol, .observe_alive = std::move(observer)});
  if (!observer)
    return make_tiled_engine(*loaded.packed, loaded.resources(),
                             {.chunk_size = chunk_size, .protocol = protocol});
  auto replaying = std::make_unique<ReplayingEngine>(heads_of(loaded.model->decoder()).n_kv_heads, chunk_size,
                                                     std::move(observer), protocol);
  replaying->set_engine(make_tiled_engine(
      *loaded.packed, loaded.resources(),
      {.chunk_size = chunk_size, .protocol = protocol, .observe_deaths = replaying->death_observer()}));
  return replaying;
}

// Collects death times from what an AliveObserver is told: a key dies at the first event after which it is
// missing.
class DeathCollector {
 public:
  DeathCollector(std::int64_t n_layers, std::int64_t n_kv_heads, const Chunking& chunking)
      : n_kv_heads_(n_kv_heads),
        chunking_(chunking),
        deaths_(static_cast<std::size_t>(n_layers * n_kv_heads),
                std::vector<DeathTime>(static_cast<std::size_t>(chunking.n_tokens), kNever)) {}

  AliveObserver observer() {
    return [this](LayerIndex layer, std::int64_t n, const std::vector<at::Tensor>& positions) {
      const auto event = static_cast<DeathTime>(chunking_.event_at(n).value());
      for (std::size_t h = 0; h < positions.size(); ++h) {
        auto& deaths = deaths_[static_cast<std::size_t>(layer.value * n_kv_heads_) + h];
        std::vector<bool> alive(static_cast<std::size_t>(n), false);
        const auto contiguous = positions[h].contiguous();
        for (std::int64_t i = 0; i < contiguous.size(0); ++i)
          alive[static_cast<std::size_t>(contiguous.const_data_ptr<std::int64_t>()[i])] = true;
        for (std::size_t j = 0; j < alive.size(); ++j)
          if (!alive[j] && deaths[j] == kNever) deaths[j] = event;
      }
    };
  }
  const AllDeaths& deaths() const { return deaths_; }

 private:
  std::int64_t n_kv_heads_;
  Chunking chunking_;
  AllDeaths deaths_;
};

}  // namespace kvcompare
