// A checkpoint with random weights for any config.json that the program takes: its tensors are those that the
// program expects. The bytes are the same on every machine (weight_generator.h), so the numbers of
// transformers for the same checkpoint can be committed (tests/golden/families.jsonl); transformers refuses
// tensors that its model does not have.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace kvcompare {

// Writes config.json, model.safetensors (bfloat16) and scorer/ (a surrogate of KVzap) into the folder.
// Returns the FNV-1a hash of the model's weights, 16 hex digits.
std::string write_family_checkpoint(const std::filesystem::path& folder, const std::string& config_json,
                                    std::uint64_t seed);

}  // namespace kvcompare
