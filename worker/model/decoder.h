// What a decoder is made of: its sizes, and the shape of each of its layers. Engines, weights, memory plan
// and costs go by this description. worker/checkpoint/families/ makes it of what config.json says; nobody
// else knows a family by its name.
//
// A layer computes, with the norms that it has:
//   x += r * after_attention(o(attention(q(h), k(h), v(h))))   h = before_attention(x)
//   x += r * after_mlp(down(activation(gate(h)) * up(h)))      h = before_mlp(x), or that of attention
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

// How a decoder norms its residual stream. Norms of queries and keys are RMSNorms, with the same epsilon and
// offset.
struct NormShape {
  enum class Kind {
    kRms,    // arXiv 1910.07467
    kLayer,  // arXiv 1607.06450
  };
  Kind kind = Kind::kRms;
  double epsilon = 0;
  double offset = 0;  // is added to the stored weight: 1 where that is 0 in the mean
  bool has_bias = false;
};

enum class Activation {
  kSilu,
  kSquaredRelu,  // arXiv 2109.08668
  kGeluTanh,     // the approximation by tanh, arXiv 1606.08415
  kXielu,        // arXiv 2411.13010, with parameters of the layer
  // min(gate, limit) sigmoid(alpha min(gate, limit)) (1 + clamp(up, -limit, limit)), arXiv 2508.10925
  kClampedSwiglu,
};

struct SwigluClamp {
  double alpha = 1.702;
  double limit = 7;
};

// Names of a layer's tensors in a checkpoint, behind layer_prefix() and before ".weight" and ".bias". What a
// layer does not have has no name.
struct NormNames {
  std::string_view before_attention = "input_layernorm";
  std::string_view after_attention{};
  std::string_view before_mlp = "post_attention_layernorm";
  std::string_view after_mlp{};
};
struct MlpNames {
  std::string_view gate = "mlp.gate_proj";
  std::string_view up = "mlp.up_proj";
  std::string_view down = "mlp.down_proj";
};

// The MLP of a layer is one of these for each of n_chosen experts. A token's router gives each expert a
// weight by softmax; the token passes the experts of the largest weights, or of the largest logits, the first
// of those that are equal, and gets the sum of what they give, each times its weight.
struct ExpertsShape {
  std::int64_t n = 0;
  std::int64_t n_chosen = 0;
  bool sums_to_one = false;        // the weights of the chosen experts are divided by their sum
  bool chooses_by_logits = false;  // logits that differ may have weights that do not
  std::string_view router = "mlp.gate";
  std::string_view prefix = "mlp.experts.";  // then the expert's number, a dot, and a name of MlpNames
  bool has_bias = false;                     // router, and gate, up and down of each
  // One tensor holds gate and up of all experts, [n, in, out], whose outputs are gate and up in turn, and one
  // holds down, in place of those of each.
  bool is_stacked = false;
};

struct MlpShape {
  std::int64_t width = 0;  // of gate and up each
  bool has_bias = false;   // gate, up and down
  Activation activation = Activation::kSilu;
  bool is_gated = true;  // else down(activation(up(h)))
  MlpNames names{};
  std::string_view gate_and_up{};  // the tensor that stores both, one below the other, in place of two
  ExpertsShape experts{};          // of a layer that has them; the MLP is that of one expert
  SwigluClamp clamp{};             // of kClampedSwiglu

  bool has_experts() const { return experts.n > 0; }
};

enum class QkNorm {
  kNone,
  kOfEachHead,  // [head_dim]
  kOfAllHeads,  // over all channels of the projection
};

struct LayerShape {
  HeadShape heads;
  AttentionScale scale;
  std::size_t rope = 0;                // index into Decoder::ropes
  std::optional<std::int64_t> window;  // as in AttentionRule; absent: a query sees all keys before it
  // Whether methods evict here. A layer that forgets by a window of its own, beside others that do not, keeps
  // what its window keeps, and its keys are not counted.
  bool evicts = true;
  std::optional<double> cap{};  // of logits, as in AttentionRule
  bool has_sinks = false;       // likewise
  bool has_qkv_bias = false;
  bool has_o_bias = false;
  QkNorm qk_norm = QkNorm::kNone;  // before RoPE
  std::string_view qkv{};  // the tensor that stores q, k and v, one below the other, in place of three
  NormNames norms{};
  double residual_multiplier = 1;  // r
  bool is_parallel = false;        // the MLP reads what attention reads
  MlpShape mlp;
};

// How last hidden states become logits: cap * tanh(m * head(x) / cap), or m * head(x) without a cap.
struct LogitShape {
  double multiplier = 1;
  std::optional<double> cap{};

  bool is_plain() const { return multiplier == 1 && !cap; }
};

struct Decoder {
  std::string family;  // model_type of config.json, for messages
  std::int64_t vocab_size = 0;
  std::int64_t max_position_embeddings = 0;  // positions that the model was made for
  std::int64_t hidden_size = 0;
  NormShape norm{};
  double embedding_multiplier = 1;
  // Whether the multiplier is rounded to the number format of the model before it multiplies.
  bool rounds_embedding_multiplier = false;
  bool has_tied_head = false;  // the head multiplies with the embedding
  bool is_part = false;        // of a larger model, whose checkpoint names it language_model
  LogitShape logits{};
  std::vector<RopeConfig> ropes{};
  std::vector<LayerShape> layers{};

  std::int64_t n_layers() const { return static_cast<std::int64_t>(layers.size()); }
  const LayerShape& layer(std::int64_t index) const { return layers[static_cast<std::size_t>(index)]; }
  const RopeConfig& rope_of(const LayerShape& layer) const { return ropes[layer.rope]; }
};

// The heads, which are the same in all layers: buffers of units and counts of keys have one size for all of
// them. Throws ConfigError("model_name"), naming a layer whose heads differ from those of the first.
const HeadShape& heads_of(const Decoder& decoder);

// The largest width of a layer's MLP.
std::int64_t widest_mlp(const Decoder& decoder);

// The most experts of a layer; 0 if no layer has any.
std::int64_t most_experts(const Decoder& decoder);

bool has_windows(const Decoder& decoder);

// Of how many first positions no layer scales the queries. Absent: of all.
std::optional<std::int64_t> n_unscaled_queries(const Decoder& decoder);

// How many layers evict, of the first n. That is the place of layer n among those that do, if it does.
std::int64_t n_evicting_before(const Decoder& decoder, std::int64_t n);
inline std::int64_t n_evicting_layers(const Decoder& decoder) {
  return n_evicting_before(decoder, decoder.n_layers());
}

}  // namespace kvcompare
