#include "common/data/byte_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "common/data/data_file_kind.h"
#include "common/data/gzip_stream.h"
#include "common/data/zstd_stream.h"
#include "common/errors.h"

namespace kvcompare {
namespace {

class FileBytes : public ByteStream {
 public:
  explicit FileBytes(std::string name)
      : name_(std::move(name)),
        descriptor_(name_ == kStandardInput ? ::dup(STDIN_FILENO)
                                            : ::open(name_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw DataError(name_, 0, std::string("cannot be opened: ") + std::strerror(errno));
  }
  ~FileBytes() override { ::close(descriptor_); }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  std::size_t read(char* into, std::size_t n) override {
    for (;;) {
      const auto n_read = ::read(descriptor_, into, n);
      if (n_read >= 0) return static_cast<std::size_t>(n_read);
      if (errno != EINTR) throw DataError(name_, 0, std::string("cannot be read: ") + std::strerror(errno));
    }
  }

 private:
  std::string name_;
  int descriptor_;
};

// The first bytes once more, and then the others.
class WithFirstBytes : public ByteStream {
 public:
  WithFirstBytes(std::string first, std::unique_ptr<ByteStream> rest)
      : first_(std::move(first)), rest_(std::move(rest)) {}

  std::size_t read(char* into, std::size_t n) override {
    if (n_given_ == first_.size()) return rest_->read(into, n);
    const auto n_copied = first_.copy(into, n, n_given_);
    n_given_ += n_copied;
    return n_copied;
  }

 private:
  std::string first_;
  std::size_t n_given_ = 0;
  std::unique_ptr<ByteStream> rest_;
};

// Up to n bytes; a pipe may give them in pieces.
std::string first_bytes(ByteStream& stream, std::size_t n) {
  std::string bytes(n, '\0');
  std::size_t n_read = 0;
  while (n_read < n) {
    const auto more = stream.read(bytes.data() + n_read, n - n_read);
    if (more == 0) break;
    n_read += more;
  }
  bytes.resize(n_read);
  return bytes;
}

// pzstd begins with one; libzstd reads over it.
bool is_skippable_frame(std::string_view bytes) {
  return bytes.size() >= 4 && bytes[0] >= '\x50' && bytes[0] <= '\x5f' &&
         bytes.substr(1, 3) == "\x2a\x4d\x18";
}

}  // namespace

std::unique_ptr<ByteStream> open_bytes(const std::filesystem::path& file) {
  const auto name = file.string();
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) throw DataError(name, 0, what_a_folder_is(name));
  std::unique_ptr<ByteStream> bytes = std::make_unique<FileBytes>(name);
  auto first = first_bytes(*bytes, std::max(kGzipMark.size(), kZstdMark.size()));
  const bool is_gzip = first.starts_with(kGzipMark),
             is_zstd = first.starts_with(kZstdMark) || is_skippable_frame(first);
  bytes = std::make_unique<WithFirstBytes>(std::move(first), std::move(bytes));
  if (is_gzip) return gunzipped(name, std::move(bytes));
  if (is_zstd) return unzstd(name, std::move(bytes));
  return bytes;
}

}  // namespace kvcompare
