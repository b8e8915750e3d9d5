// A press at work: it sees a layer of one sample, all KV heads together, and says which keys die when. It
// works in one of two ways, which must agree: over a whole sequence whose tokens are all known
// (DeathSchedule), and event by event on a cache that is really pruned (LayerEviction). Most presses are a
// score of each key of a KV head and a policy: per_head.h makes a LayerPress of those.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "presses/needs.h"
#include "presses/policy/death_times.h"
#include "presses/rounds.h"
#include "presses/scorer.h"

namespace kvcompare {

// The death times of a layer's keys: [n_kv_heads, n_tokens], contiguous.
struct LayerDeathTimes {
  DeathTime* first = nullptr;
  std::int64_t n_kv_heads = 0;
  std::int64_t n_tokens = 0;

  std::span<DeathTime> of_head(std::int64_t kv_head) const {
    return {first + kv_head * n_tokens, static_cast<std::size_t>(n_tokens)};
  }
};

// A unit before its first token: how it is cut into chunks, and the model's heads and layers that evict.
struct UnitShape {
  Chunking chunking{};
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t n_layers = 1;
};

// Of one unit, for its layers that evict, in order. An engine shows all tokens of a layer, then runs all
// rounds that decide it, then goes on with the next layer.
class DeathSchedule {
 public:
  virtual ~DeathSchedule() = default;

  // Some tokens of the layer. Each token is shown once, in any order; several threads may show some at once.
  virtual void see(const LayerView& /*tile*/) {}

  // Rounds that write the death times of all keys. Cheap: the work is in the tasks. The rounds of one layer
  // alone are at work at a time.
  //   layer : all tokens, on the CPU in any precision
  // A task throws std::domain_error if a score that counts is NaN.
  virtual std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) = 0;
};

// Of one layer of one sample.
class LayerEviction {
 public:
  virtual ~LayerEviction() = default;

  // The next tokens; their keys are alive from now on.
  virtual void append(const LayerView& /*chunk*/) {}

  // What the queries of the chunk gave to the keys of one KV head.
  //   weights : [n_heads / n_kv_heads, chunk's tokens, n_alive], softmax in float32 or float64
  virtual void observe(std::int64_t /*kv_head*/, const at::Tensor& /*weights*/) {}

  // The event after the chunk: who survives of each KV head, as ascending indices into its alive keys; an
  // undefined tensor where all do. The press forgets of the others what it has gathered.
  // Throws std::domain_error if a score is NaN.
  virtual std::vector<at::Tensor> evict(const Event& event, std::span<const AliveKeys> heads) = 0;
};

class LayerPress {
 public:
  virtual ~LayerPress() = default;
  virtual PressNeeds needs() const = 0;
  virtual std::unique_ptr<DeathSchedule> start_schedule(const UnitShape& unit) const = 0;
  virtual std::unique_ptr<LayerEviction> start_eviction(const UnitShape& unit) const = 0;
};

// A layer whose tokens are all in `view`, on any device: shows them at once, copies to the host what decide()
// reads, and decides on this thread. deaths lie on the host.
void decide_layer(DeathSchedule& schedule, const PressNeeds& needs, const LayerView& view,
                  const LayerDeathTimes& deaths);

}  // namespace kvcompare
