// Writes small checkpoints with random weights in Hugging Face's layout. The bytes are the same on every
// machine, so that another program's numbers for the same checkpoint can be committed (tests/golden).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "tests/support/weight_generator.h"

namespace kvcompare {

enum class TinyArch { kLlama, kQwen2, kQwen3, kMistral };
enum class TinyRope { kDefault, kLlama3, kLinear };
enum class RopeKeys { kRopeScaling, kRopeParameters };  // layout of config.json: transformers 4 or 5
enum class TinyHead { kOwn, kTied };
enum class TinyScorer { kMlp, kLinear };
enum class TinyBias { kOfTheFamily, kEverywhere };  // llama: attention_bias and mlp_bias

struct TinyModelSpec {
  TinyArch arch = TinyArch::kLlama;
  std::uint64_t seed = 0;
  std::int64_t vocab = 128;
  std::int64_t hidden = 48;
  std::int64_t intermediate = 80;
  std::int64_t layers = 3;
  std::int64_t heads = 4;
  std::int64_t kv_heads = 2;
  std::int64_t head_dim = 12;  // stored in config.json only if it is not hidden / heads
  TinyRope rope = TinyRope::kDefault;
  RopeKeys rope_keys = RopeKeys::kRopeScaling;
  TinyHead head = TinyHead::kOwn;
  TinyBias bias = TinyBias::kOfTheFamily;
  Storage storage = Storage::kF32;
  std::int64_t n_shards = 1;
  TinyScorer scorer = TinyScorer::kMlp;
  std::int64_t n_samples = 3;  // plus a sample of one token after the first
  std::int64_t n_tokens = 44;  // tokens of the first sample; each later one is 9 shorter
};

struct TinyModelPreset {
  std::string_view name;
  TinyModelSpec spec;
};

// The models that goldens exist for.
std::span<const TinyModelPreset> tiny_model_presets();

// Throws std::invalid_argument with the names that exist, if there is no such preset.
const TinyModelSpec& tiny_model_preset(std::string_view name);

// Writes config.json, model.safetensors (or shards and their index), scorer/ (a KVzap surrogate) and
// data.jsonl into the folder. Returns the FNV-1a hash of all weights, the scorer's included, 16 hex digits.
std::string write_tiny_model(const std::filesystem::path& folder, const TinyModelSpec& spec);

// Writes only a KVzap surrogate for a model of that shape into the folder. Returns the hash of its weights.
std::string write_tiny_scorer(const std::filesystem::path& folder, const TinyModelSpec& spec);

// The samples of data.jsonl, in order.
std::vector<std::vector<TokenId>> tiny_samples(const TinyModelSpec& spec);

}  // namespace kvcompare
