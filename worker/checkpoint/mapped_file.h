// A file mapped into memory, read-only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "worker/checkpoint/watched_mapping.h"

namespace kvcompare {

class MappedFile {
 public:
  // Throws CheckpointError if the file cannot be opened or is no regular file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const char> bytes() const { return {data_, size_}; }

  // What messages call parts of the file if they cannot be read any more (WatchedMapping). Once at most.
  void name_parts(const std::vector<NamedPart>& parts);

  // Lets go of the pages in memory; what is read again is fetched from the file.
  void drop_pages() const;

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  std::optional<WatchedMapping> watch_;  // empty for an empty file
};

}  // namespace kvcompare
