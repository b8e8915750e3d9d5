// The bytes of a data file, as a stream: as they lie there, or decompressed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace kvcompare {

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Writes up to n bytes (n >= 1) to `into` and returns how many; 0 only at the end. Throws DataError naming
  // the file.
  virtual std::size_t read(char* into, std::size_t n) = 0;
};

// The name of a data set that is read from standard input.
inline constexpr const char* kStandardInput = "-";

// Opens a file, or standard input for kStandardInput. A file whose first bytes are those of gzip or zstd is
// decompressed, whatever its name. Memory: a buffer, and the window of the compression. Throws DataError if
// it is a folder or cannot be opened.
std::unique_ptr<ByteStream> open_bytes(const std::filesystem::path& file);

}  // namespace kvcompare
