#include "common/path_on_disk.h"

#include <system_error>

#include "common/errors.h"

namespace kvcompare {
namespace fs = std::filesystem;

bool can_be_seen(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool may_be_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error) || error;
}

std::optional<std::string> kind_of_irregular_file(const fs::path& path) {
  std::error_code ignored;
  switch (fs::status(path, ignored).type()) {
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a pipe (FIFO)";
    case fs::file_type::character:
    case fs::file_type::block:
      return "a device";
    case fs::file_type::socket:
      return "a socket";
    default:
      return std::nullopt;
  }
}

void refuse_irregular_file(const fs::path& path) {
  if (const auto kind = kind_of_irregular_file(path))
    throw CheckpointError(path.string(), "", "is " + *kind + ", not a file");
}

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const auto full = fs::absolute(path, error);
  return error ? path : full.lexically_normal().string();
}

}  // namespace kvcompare
