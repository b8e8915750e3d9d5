// The keys that all families have: sizes, heads, norm, activation, biases.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/checkpoint/families/json_config_keys.h"
#include "worker/checkpoint/json_rope_config.h"
#include "worker/checkpoint/plain_config.h"

namespace kvcompare {

// What a family takes where a key is missing.
struct PlainDefaults {
  std::string model_type;
  // num_key_value_heads. Absent: as many as query heads.
  std::optional<std::int64_t> n_kv_heads = std::nullopt;
  // head_dim. Absent: hidden_size / num_attention_heads.
  std::optional<std::int64_t> head_dim = std::nullopt;
  bool heads_divide_hidden_size = false;  // a must, also where head_dim is written
  // Whether these keys may be null, which then means the same.
  bool may_have_null_n_kv_heads = false;
  bool may_have_null_head_dim = false;
  // Keys that most families want written. Absent: they must be there.
  std::optional<std::int64_t> vocab_size = std::nullopt;
  std::optional<std::int64_t> n_heads = std::nullopt;
  std::optional<std::int64_t> max_position_embeddings = std::nullopt;
  // These keys must be there: the default is not the same in all versions and families.
  bool needs_n_kv_heads = false;
  bool needs_head_dim = false;
  std::string eps_key = "rms_norm_eps";
  double eps = 1e-6;
  std::string activation = "silu";  // the only one that is taken; "swish" is another name of silu
  std::string other_activation{};   // another name of it in this family
  bool may_have_null_hidden_activation = false;
  bool tied_embeddings = false;
  RopeDefaults rope{};
  // Where layers that slide have a RoPE of their own (read_layer_ropes).
  struct SlidingRope {
    double theta = 10000;
    std::string theta_key{};
  };
  std::optional<SlidingRope> sliding_rope = std::nullopt;
};

// Reads sizes, heads, epsilon, activation, RoPE and tie_word_embeddings. The biases are the family's own.
PlainConfig read_plain(ConfigKeys& keys, const PlainDefaults& defaults);

// The number of experts, by either of its two names; and how many of them a token passes.
std::int64_t read_n_experts(ConfigKeys& keys, std::int64_t otherwise);
std::int64_t read_n_chosen_experts(ConfigKeys& keys, std::int64_t otherwise);
void check_experts(const ConfigKeys& keys, const ExpertsShape& experts);

// A switch that other families have and this one has not: refused if it is on.
void refuse_switch(ConfigKeys& keys, const std::string& key, const std::string& model_type);

}  // namespace kvcompare
