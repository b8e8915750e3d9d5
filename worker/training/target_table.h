// Stores the targets of one prompt as a file, and reads those of many prompts, to which one layer's surrogate
// is fitted.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/training/kvzip_targets.h"

namespace kvcompare {

// Returns the contents of a .safetensors file with "hidden.{layer}" [n_positions, d_model] and
// "scores.{layer}" [n_positions, n_kv_heads].
std::string target_table(const std::vector<LayerTargets>& targets);

// Returns one layer from several files, concatenated. Throws CheckpointError for a file that is not such a
// table.
LayerTargets read_targets(std::span<const std::filesystem::path> files, std::int64_t layer);

}  // namespace kvcompare
