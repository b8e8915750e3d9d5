// What a decoder is made of: its sizes, and the shape of each of its layers. Engines, weights, memory plan
// and costs go by this description. worker/checkpoint/decoder_of_config.h makes it of what config.json says.
//
// A layer computes, with its own norm before each of the two sums:
//   x += o(attention(q(norm x), k(norm x), v(norm x)))
//   x += down(silu(gate(norm x)) * up(norm x))
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "presses/attention_scale.h"
#include "worker/model/rope_config.h"

namespace kvcompare {

struct HeadShape {
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // divides n_heads
  std::int64_t head_dim = 0;    // even; n_heads * head_dim may differ from the hidden size

  std::int64_t group() const { return n_heads / n_kv_heads; }  // query heads of a KV head
  std::int64_t q_width() const { return n_heads * head_dim; }
  std::int64_t kv_width() const { return n_kv_heads * head_dim; }
  std::int64_t qkv_width() const { return q_width() + 2 * kv_width(); }

  friend bool operator==(const HeadShape&, const HeadShape&) = default;
};

struct MlpShape {
  std::int64_t width = 0;  // of gate and up each
  bool has_bias = false;   // gate, up and down
};

struct LayerShape {
  HeadShape heads;
  AttentionScale scale;
  std::size_t rope = 0;                // index into Decoder::ropes
  std::optional<std::int64_t> window;  // as in AttentionRule; absent: a query sees all keys before it
  bool has_qkv_bias = false;
  bool has_o_bias = false;
  bool has_qk_norm = false;  // an RMSNorm of each head of q and k, before RoPE
  MlpShape mlp;
};

struct Decoder {
  std::string family;  // model_type of config.json, for messages
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  double rms_norm_eps = 0;
  bool has_tied_head = false;  // the head multiplies with the embedding
  std::vector<RopeConfig> ropes;
  std::vector<LayerShape> layers;

  std::int64_t n_layers() const { return static_cast<std::int64_t>(layers.size()); }
  const LayerShape& layer(std::int64_t index) const { return layers[static_cast<std::size_t>(index)]; }
};

// The heads, which are the same in all layers: buffers of units and counts of keys have one size for all of
// them. Throws ConfigError("model_name"), naming a layer whose heads differ from those of the first.
const HeadShape& heads_of(const Decoder& decoder);

// The largest width of a layer's MLP.
std::int64_t widest_mlp(const Decoder& decoder);

bool has_windows(const Decoder& decoder);

}  // namespace kvcompare
