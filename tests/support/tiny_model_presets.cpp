#include <array>
#include <stdexcept>
#include <string>

#include "tests/support/tiny_model.h"

namespace kvcompare {
namespace {

// Between them: 1, 2, 4 and 7 query heads a KV head; head_dim other than hidden / heads; every RoPE, head,
// bias and storage format; shards; both kinds of scorer.
const std::array kPresets = {
    TinyModelPreset{"llama", {.arch = TinyArch::kLlama, .seed = 1}},
    TinyModelPreset{"llama_rope3_biased_bf16_sharded",
                    {.arch = TinyArch::kLlama,
                     .seed = 2,
                     .hidden = 40,
                     .heads = 8,
                     .kv_heads = 2,
                     .head_dim = 6,
                     .rope = TinyRope::kLlama3,
                     .head = TinyHead::kTied,
                     .bias = TinyBias::kEverywhere,
                     .storage = Storage::kBF16,
                     .n_shards = 3,
                     .scorer = TinyScorer::kLinear}},
    TinyModelPreset{"llama_linear_rope_mha_f16",
                    {.arch = TinyArch::kLlama,
                     .seed = 3,
                     .hidden = 32,
                     .layers = 2,
                     .heads = 4,
                     .kv_heads = 4,
                     .head_dim = 8,
                     .rope = TinyRope::kLinear,
                     .storage = Storage::kF16}},
    TinyModelPreset{"qwen2",
                    {.arch = TinyArch::kQwen2,
                     .seed = 4,
                     .vocab = 150,
                     .hidden = 56,
                     .heads = 14,
                     .kv_heads = 2,
                     .head_dim = 4,
                     .head = TinyHead::kTied,
                     .scorer = TinyScorer::kLinear}},
    TinyModelPreset{"qwen3",
                    {.arch = TinyArch::kQwen3,
                     .seed = 5,
                     .hidden = 40,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_dim = 14,
                     .head = TinyHead::kTied}},
    TinyModelPreset{"qwen3_rope_parameters_bf16",
                    {.arch = TinyArch::kQwen3,
                     .seed = 6,
                     .vocab = 200,
                     .hidden = 36,
                     .layers = 4,
                     .heads = 7,
                     .kv_heads = 1,
                     .head_dim = 10,
                     .rope_keys = RopeKeys::kRopeParameters,
                     .storage = Storage::kBF16,
                     .scorer = TinyScorer::kLinear}},
    TinyModelPreset{"mistral",
                    {.arch = TinyArch::kMistral,
                     .seed = 7,
                     .hidden = 44,
                     .layers = 2,
                     .heads = 8,
                     .kv_heads = 2,
                     .head_dim = 10,
                     .n_shards = 2}},
};

}  // namespace

std::span<const TinyModelPreset> tiny_model_presets() { return kPresets; }

const TinyModelSpec& tiny_model_preset(std::string_view name) {
  std::string known;
  for (const TinyModelPreset& preset : kPresets) {
    if (preset.name == name) return preset.spec;
    known += " " + std::string(preset.name);
  }
  throw std::invalid_argument("no tiny model " + std::string(name) + "; there are:" + known);
}

}  // namespace kvcompare
