// A decoder all of whose layers are those of Llama, described by a few numbers. Families begin with it and
// change what is different.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/model/decoder.h"

namespace kvcompare {

struct PlainConfig {
  std::string model_type;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // divides n_heads
  std::int64_t max_position_embeddings = 0;
  std::int64_t head_dim = 0;  // even; n_heads * head_dim may differ from hidden_size
  double rms_norm_eps = 0;
  RopeConfig rope;
  std::optional<RopeConfig> sliding_rope;  // of layers that slide, if it is another one
  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;  // of each head
  bool tied_embeddings = false;
};

// Norms that stand behind attention and MLP, and none before, as OLMo 2 has them.
inline constexpr NormNames kNormsBehind{.before_attention = "",
                                        .after_attention = "post_attention_layernorm",
                                        .before_mlp = "",
                                        .after_mlp = "post_feedforward_layernorm"};

// Its layers have no window, and the first of its ropes; the other is sliding_rope, if there is one.
Decoder decoder_of(const PlainConfig& config);

}  // namespace kvcompare
