#pragma once

#include <filesystem>

namespace kvcompare {

// tokenizer.json in a folder, or the file that is named itself. Never fails: reading it gives the error.
std::filesystem::path tokenizer_file(const std::filesystem::path& folder_or_file);

}  // namespace kvcompare
