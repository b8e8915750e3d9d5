// The targets of one prompt as a file, and those of many prompts as what one layer's surrogate is fitted to.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/training/kvzip_targets.h"

namespace kvcompare {

// A .safetensors file: "hidden.{layer}" [n_positions, d_model] and "scores.{layer}" [n_positions,
// n_kv_heads].
std::string target_table(const std::vector<LayerTargets>& targets);

// One layer of several files, one after the other. Throws CheckpointError for a file that is not such a
// table.
LayerTargets read_targets(std::span<const std::filesystem::path> files, std::int64_t layer);

}  // namespace kvcompare
