// A model in real use, which is not part of the project.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace kvcompare {

// The folder of a Hugging Face model with its tokenizer.json, which the environment variable
// KVCOMPARE_REAL_MODEL names; empty if it is unset.
inline std::optional<std::filesystem::path> real_model() {
  const char* folder = std::getenv("KVCOMPARE_REAL_MODEL");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return std::filesystem::path(folder);
}

}  // namespace kvcompare
