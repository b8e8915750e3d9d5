#pragma once

#include <filesystem>
#include <string>

namespace kvcompare {

// SHA-256 over the names and contents of config.json and of the safetensors files that the checkpoint
// consists of. Files are read side by side. Throws CheckpointError.
std::string model_hash(const std::filesystem::path& folder);

}  // namespace kvcompare
