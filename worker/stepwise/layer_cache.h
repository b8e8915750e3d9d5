// The keys that one layer holds of one sample, per KV head, and the event that evicts from them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "presses/policy/eviction.h"
#include "presses/policy/layer_press.h"
#include "presses/scorer.h"

namespace kvcompare {

class LayerCache {
 public:
  // Keeps every key.
  explicit LayerCache(std::int64_t n_kv_heads);
  // press outlives the cache, and so does what unit refers to.
  LayerCache(const LayerPress& press, const UnitShape& unit);

  std::int64_t n_alive() const;  // all heads
  // Cached keys of each KV head, ascending in position; undefined before the first chunk.
  const std::vector<AliveKeys>& heads() const { return heads_; }

  // The chunk's keys join; then its queries attend to what is cached and to the chunk itself, causally,
  // by the rule of the layer.
  // Returns the heads' outputs, [n_heads, n_tokens, d_head].
  at::Tensor attend(const LayerView& chunk);

  bool evicts() const { return eviction_ != nullptr; }
  // The event after the chunk, of a cache that evicts: evicts what the press says.
  void evict(const Event& event);

 private:
  void append(const LayerView& chunk);
  at::Tensor attend_head(const LayerView& chunk, std::int64_t kv_head);

  Needs needs_;
  std::unique_ptr<LayerEviction> eviction_;
  std::vector<AliveKeys> heads_;
};

}  // namespace kvcompare
