// A JSON file of a tokenizer, whole in memory.
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

namespace kvcompare {

// Throws CheckpointError with file and place if the file cannot be read, is no JSON, or is nested too deeply.
nlohmann::json read_json_file(const std::filesystem::path& file);

}  // namespace kvcompare
