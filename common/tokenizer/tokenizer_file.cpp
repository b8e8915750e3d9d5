#include "common/tokenizer/tokenizer_file.h"

#include <system_error>

namespace kvcompare {

std::filesystem::path tokenizer_file(const std::filesystem::path& folder_or_file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(folder_or_file, ignored)) return folder_or_file / "tokenizer.json";
  return folder_or_file;
}

}  // namespace kvcompare
