// Which tensors a decoder has: names and shapes, as transformers stores them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "worker/checkpoint/model_config.h"

namespace kvcompare {

struct ExpectedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

inline constexpr const char* kEmbeddingName = "model.embed_tokens.weight";
inline constexpr const char* kFinalNormName = "model.norm.weight";
inline constexpr const char* kLmHeadName = "lm_head.weight";

std::string layer_prefix(std::int64_t layer);  // "model.layers.3."

// All tensors of the model. A tied model may store either of embedding and lm_head, or both.
std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config);

// Throws CheckpointError(file, tensor) if a tensor is missing or one is there that the model does not have
// (leftovers of old versions apart, such as rotary_emb.inv_freq). `names`: what `file` lists, ascending.
void check_tensor_names(const ModelConfig& config, std::span<const std::string> names,
                        const std::string& file);

}  // namespace kvcompare
