// What a scorer sees and gives. Three kinds, because they differ in what they need; an engine knows it from
// the type. Scores are float64 whatever the precision of the model: higher = keep. A NaN score fails the
// unit.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "common/ids.h"
#include "presses/rope.h"

namespace kvcompare {

// Positions [first_position, first_position + n_tokens) of one layer of one sample.
struct LayerView {
  at::Tensor hidden;  // [n_tokens, d_model]             after the input norm
  at::Tensor raw_q;   // [n_heads, n_tokens, d_head]     before RoPE, after the query norm if there is one
  at::Tensor raw_k;   // [n_kv_heads, n_tokens, d_head]  likewise
  at::Tensor q;       // [n_heads, n_tokens, d_head]     with RoPE
  at::Tensor k;       // [n_kv_heads, n_tokens, d_head]  with RoPE
  at::Tensor v;       // [n_kv_heads, n_tokens, d_head]
  LayerIndex layer;
  SampleIndex sample;
  std::int64_t first_position = 0;
};

// Scores known from the token alone, once and for all.
class FixedScorer {
 public:
  virtual ~FixedScorer() = default;
  // returns [n_kv_heads, n_tokens]
  virtual at::Tensor score(const LayerView& tokens) const = 0;
};

// The alive keys of one KV head, in ascending order of position.
struct AliveKeys {
  at::Tensor positions;  // [n_alive], int64
  at::Tensor k;          // [n_alive, d_head], with RoPE
  at::Tensor v;          // [n_alive, d_head]
};

// Scores that change at every event, from the queries seen so far and the alive keys.
class DriftingScorer {
 public:
  // One layer of one sample: fed with its tokens in order, asked at events.
  class Layer {
   public:
    virtual ~Layer() = default;
    virtual void append(const LayerView& tokens) = 0;
    // At the event after the first n tokens; returns [n_alive].
    virtual at::Tensor score(std::int64_t n, std::int64_t kv_head, const AliveKeys& alive) const = 0;
  };

  virtual ~DriftingScorer() = default;
  // rope outlives the layer.
  virtual std::unique_ptr<Layer> start_layer(const Rope& rope) const = 0;
};

// Scores from the attention that the keys really received under the evicted cache.
class ObservingScorer {
 public:
  virtual ~ObservingScorer() = default;
  //   positions : [n_alive], int64
  //   received  : [n_heads / n_kv_heads, n_alive], float64, softmax weights summed over the queries so far
  //   returns   : [n_alive]
  virtual at::Tensor score(std::int64_t n, const at::Tensor& positions, const at::Tensor& received) const = 0;
};

}  // namespace kvcompare
