// What config.json says about a model, every default filled in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "common/run/dtype.h"
#include "worker/model/rope_config.h"

namespace kvcompare {

struct ModelConfig {
  std::string model_type;  // llama | mistral | qwen2 | qwen3
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // divides n_heads
  std::int64_t head_dim = 0;    // even; n_heads * head_dim may differ from hidden_size
  double rms_norm_eps = 0;
  RopeConfig rope;
  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;
  bool tied_embeddings = false;
  std::optional<std::int64_t> sliding_window;  // of an active window; a longer sample must be refused
  std::int64_t max_position_embeddings = 0;
  std::optional<Dtype> stored_dtype;  // what config.json says; absent if it does not
};

// Throws CheckpointError naming the key for everything this program would compute otherwise than transformers
// does: another family, activation or RoPE, quantised weights, a value of the wrong type or out of range, and
// a missing key whose default is not the same in all families.
ModelConfig read_model_config(const std::filesystem::path& config_json);

}  // namespace kvcompare
