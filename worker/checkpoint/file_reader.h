// Reads from a file into memory that is given, by several threads. For weights that go on to a GPU: pages of
// a mapping would have to be copied by the driver, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace kvcompare {

class FileReader {
 public:
  // Throws CheckpointError if the file cannot be opened.
  explicit FileReader(const std::filesystem::path& path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // Fills `target` with what begins at `offset`. Throws CheckpointError if the file cannot be read or ends
  // before.
  void read(std::uint64_t offset, std::span<std::byte> target) const;

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace kvcompare
