// Reads a whole JSON file of a tokenizer into memory.
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

namespace kvcompare {

// Throws CheckpointError naming file and place if the file cannot be read, is not JSON, or is nested too
// deeply.
nlohmann::json read_json_file(const std::filesystem::path& file);

}  // namespace kvcompare
