// What a scorer sees and gives. Four kinds, because they differ in when they are asked; an engine knows it
// from the type. Which tensors a scorer reads it declares (needs.h): an engine fills those and leaves the
// others undefined. Scores are float64 whatever the precision of the model: higher = keep. A NaN score fails
// the unit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "common/ids.h"
#include "presses/attention_rule.h"
#include "presses/needs.h"

namespace kvcompare {

// Positions [first_position, first_position + n_tokens) of one layer of one sample.
struct LayerView {
  at::Tensor hidden;  // [n_tokens, d_model]             after the input norm
  at::Tensor raw_q;   // [n_heads, n_tokens, d_head]     before RoPE, after the query norm if there is one
  at::Tensor raw_k;   // [n_kv_heads, n_tokens, d_head]  likewise
  at::Tensor q;       // [n_heads, n_tokens, d_head]     with RoPE
  at::Tensor k;       // [n_kv_heads, n_tokens, d_head]  with RoPE
  at::Tensor v;       // [n_kv_heads, n_tokens, d_head]
  // Always filled:
  std::int64_t n_kv_heads = 0;
  std::int64_t n_tokens = 0;
  c10::Device device = at::kCPU;  // where scores are to be
  LayerIndex layer;
  std::int64_t place = 0;  // of the layer among those that evict
  SampleIndex sample;
  std::int64_t first_position = 0;
  AttentionRule rule{};  // of the layer
};

// Scores known from the token alone, once and for all.
class FixedScorer {
 public:
  virtual ~FixedScorer() = default;
  virtual Needs needs() const = 0;  // of all but `attention`
  // returns [n_kv_heads, n_tokens]
  virtual at::Tensor score(const LayerView& tokens) const = 0;
};

// Scores known once and for all, but later than the token: from all keys and values of the tokens around it,
// evicted or not. A position that has no score yet ranks like the latest ones: above every score.
class LateScorer {
 public:
  virtual ~LateScorer() = default;
  virtual Needs needs() const = 0;  // of k and v
  // When n tokens have passed the positions before this one have their scores; never falls as n grows.
  virtual std::int64_t n_scored(std::int64_t n) const = 0;
  // Of the positions [begin, end), where end is n_scored(n), and begin is 0 or n_scored of fewer tokens.
  //   k, v    : [n_kv_heads, n, d_head], of all tokens so far; k with RoPE
  //   returns : [n_kv_heads, end - begin]
  virtual at::Tensor score(const at::Tensor& k, const at::Tensor& v, std::int64_t begin,
                           std::int64_t end) const = 0;
};

// The alive keys of one KV head, in ascending order of position.
struct AliveKeys {
  at::Tensor positions;  // [n_alive], int64
  at::Tensor k;          // [n_alive, d_head], with RoPE
  at::Tensor v;          // [n_alive, d_head]
};

// One KV head with the query heads that share it, all tokens of a sample, on the CPU in any precision.
struct WholeHead {
  at::Tensor raw_q;      // [group, n_tokens, d_head]  before RoPE
  at::Tensor q;          // [group, n_tokens, d_head]  with RoPE
  at::Tensor k;          // [n_tokens, d_head]         with RoPE
  at::Tensor v;          // [n_tokens, d_head]
  AttentionRule rule{};  // of the layer
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

  // One KV head of one layer whose tokens are all known: asked for blocks of events, in order. First it is
  // told the events of a block, then the keys, then it is asked for scores. What can be computed after either
  // step is cut into tasks that do not touch each other; each is run once, on any thread, before the next
  // step. The events of a block, and their tasks, may come while scores of the block before are still asked
  // for.
  class Head {
   public:
    virtual ~Head() = default;
    // Events after n[0] < n[1] < ... tokens follow, all later than those of the block before.
    virtual void start_events(std::span<const std::int64_t> n) = 0;
    virtual std::size_t n_event_tasks() const { return 0; }
    virtual void run_event_task(std::size_t /*task*/) {}
    //   candidates : positions of the keys that may be asked for, ascending, all < n.back()
    virtual void start_keys(std::span<const std::int32_t> candidates) = 0;
    virtual std::size_t n_key_tasks() const { return 0; }
    virtual void run_key_task(std::size_t /*task*/) {}
    // At event `event` of the block.
    //   alive  : [n_alive], ascending indices into candidates, of keys with a position < n[event]
    //   scores : [n_alive], written
    virtual void score(std::size_t event, std::span<const std::int32_t> alive, std::span<double> scores) = 0;

    // Both steps, on this thread.
    void start_block(std::span<const std::int64_t> n, std::span<const std::int32_t> candidates);
  };

  virtual ~DriftingScorer() = default;
  virtual Needs needs() const = 0;  // of raw_q, q, k and v
  virtual std::unique_ptr<Layer> start_layer() const = 0;
  virtual std::unique_ptr<Head> start_head(const WholeHead& head) const = 0;
};

// Over which query heads the mean of what a key received is taken: those that share its KV head, or all of
// the layer. Then the heads of a layer have one score for each position; so they evict the same keys.
enum class ReceivedFrom { kOwnHeads, kAllHeads };

// Scores from the attention that the keys really received under the evicted cache.
class ObservingScorer {
 public:
  virtual ~ObservingScorer() = default;
  virtual Needs needs() const { return {.attention = true}; }  // of attention alone
  // How many of the latest queries count, at least 1; all so far if absent.
  virtual std::optional<std::int64_t> last_queries() const { return std::nullopt; }
  virtual ReceivedFrom received_from() const { return ReceivedFrom::kOwnHeads; }
  // At the event at n, after which a KV head keeps `budget` keys, the positions from here on are among the
  // latest, which rank above every score, the later the higher. Their scores do not count.
  virtual std::int64_t protected_from(std::int64_t n, std::int64_t /*budget*/) const { return n; }
  // The latest queries that the scorer looks at, as budgets of layers ask: 0 if it looks at all.
  virtual std::int64_t window() const { return 0; }

  //   positions : [n_alive]
  //   received  : [n_alive], softmax weights summed over the queries that count, mean over the query heads
  //   scores    : [n_alive], written
  virtual void score(std::int64_t n, std::span<const std::int32_t> positions,
                     std::span<const double> received, std::span<double> scores) const = 0;
  // The same from tensors.
  //   positions : [n_alive], int64
  //   received  : [any number of query heads, n_alive], float64, summed over the queries that count
  //   returns   : [n_alive]
  virtual at::Tensor score(std::int64_t n, const at::Tensor& positions, const at::Tensor& received) const;
};

}  // namespace kvcompare
