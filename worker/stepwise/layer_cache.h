// The keys that one layer holds of one sample, per KV head, and the event that evicts from them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "common/run/method_spec.h"
#include "presses/policy/eviction.h"
#include "presses/registry.h"
#include "presses/scorer.h"

namespace kvcompare {

// Cached keys of one KV head, ascending in position; all tensors are pruned together.
struct HeadCache {
  AliveKeys keys;
  at::Tensor scores;    // [n_alive], float64; with a FixedScorer only
  at::Tensor received;  // [group, n_alive], float64, attention received; with an ObservingScorer only

  std::int64_t n_alive() const { return keys.positions.defined() ? keys.positions.size(0) : 0; }
};

class LayerCache {
 public:
  // scorer and rope outlive the cache.
  LayerCache(std::int64_t n_kv_heads, const Scorer& scorer, const Rope& rope);

  std::int64_t n_alive() const;  // all heads
  const std::vector<HeadCache>& heads() const { return heads_; }

  // The chunk's keys join; then its queries attend to what is cached and to the chunk itself, causally.
  // Returns the heads' outputs, [n_heads, n_tokens, d_head].
  at::Tensor attend(const LayerView& chunk);

  // The event after the chunk: evicts what the policy says.
  void evict(const MethodSpec& method, const Event& event);

 private:
  void append(const LayerView& chunk);
  at::Tensor attend_head(const LayerView& chunk, std::int64_t kv_head);
  at::Tensor score(std::int64_t kv_head, std::int64_t n) const;
  static void keep(HeadCache& head, const at::Tensor& survivors);

  const Scorer& scorer_;
  std::unique_ptr<DriftingScorer::Layer> drifting_;  // with a DriftingScorer only
  std::vector<HeadCache> heads_;
};

}  // namespace kvcompare
