#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

namespace kvcompare {

// SHA-256 over the names and contents of config.json and of the safetensors files that the checkpoint
// consists of. Files are read side by side. Throws CheckpointError; InvariantError if it was
// stopped.
std::string model_hash(const std::filesystem::path& folder, const std::stop_token& stop = {});

}  // namespace kvcompare
