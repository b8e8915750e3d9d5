#include "common/data/gzip_stream.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <zlib.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::size_t kInputBytes = std::size_t{1} << 16;
constexpr int kGzipAlone = 15 + 16;  // the largest window, and gzip's header

class Gunzipped : public ByteStream {
 public:
  Gunzipped(std::string name, std::unique_ptr<ByteStream> compressed)
      : name_(std::move(name)), compressed_(std::move(compressed)), input_(kInputBytes) {
    require(inflateInit2(&zlib_, kGzipAlone) == Z_OK, "zlib: no memory to decompress");
  }
  ~Gunzipped() override { inflateEnd(&zlib_); }
  Gunzipped(const Gunzipped&) = delete;
  Gunzipped& operator=(const Gunzipped&) = delete;

  std::size_t read(char* into, std::size_t n) override {
    const auto n_wanted = static_cast<uInt>(std::min<std::size_t>(n, std::numeric_limits<uInt>::max()));
    zlib_.next_out = reinterpret_cast<Bytef*>(into);
    zlib_.avail_out = n_wanted;
    while (zlib_.avail_out == n_wanted && begin_member()) inflate_some();
    return n_wanted - zlib_.avail_out;
  }

 private:
  // False at the end. Zeros may stand behind the last member, as tape blocks are filled with them.
  bool begin_member() {
    if (is_inside_) return true;
    while (has_input() && *zlib_.next_in == 0 && n_members_ > 0) {
      ++zlib_.next_in;
      --zlib_.avail_in;
    }
    if (!has_input()) return false;
    if (n_members_++ > 0) inflateReset(&zlib_);
    return is_inside_ = true;
  }

  void inflate_some() {
    if (!has_input())
      throw DataError(name_, 0, "is compressed with gzip and ends too early: a part of it is missing");
    const int result = inflate(&zlib_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      is_inside_ = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      throw DataError(name_, 0,
                      std::string("is compressed with gzip and damaged: ") +
                          (zlib_.msg == nullptr ? zError(result) : zlib_.msg));
    }
  }

  bool has_input() {
    if (zlib_.avail_in == 0) {
      zlib_.next_in = input_.data();
      zlib_.avail_in =
          static_cast<uInt>(compressed_->read(reinterpret_cast<char*>(input_.data()), input_.size()));
    }
    return zlib_.avail_in > 0;
  }

  std::string name_;
  std::unique_ptr<ByteStream> compressed_;
  std::vector<Bytef> input_;
  z_stream zlib_{};
  std::int64_t n_members_ = 0;
  bool is_inside_ = false;  // of a member
};

}  // namespace

std::unique_ptr<ByteStream> gunzipped(std::string name, std::unique_ptr<ByteStream> compressed) {
  return std::make_unique<Gunzipped>(std::move(name), std::move(compressed));
}

}  // namespace kvcompare
