#include "common/data/zstd_stream.h"

#include <utility>
#include <vector>

#include <zstd.h>
#include <zstd_errors.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

// That `zstd --long=31` writes. libzstd reserves the window that a frame names, and uses of it what the frame
// decompresses to.
constexpr int kLargestWindowLog = 31;

std::string problem_of(std::size_t result) {
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_frameParameter_windowTooLarge:
      return "is compressed with zstd in a window of more than 2 GiB; "
             "expected one that `zstd --long=31` writes, or a smaller one";
    case ZSTD_error_memory_allocation:
      return "is compressed with zstd in a window for which there is not enough memory; "
             "expected a smaller one, such as `zstd --long=27` writes";
    default:
      return std::string("is compressed with zstd and damaged: ") + ZSTD_getErrorName(result);
  }
}

class Unzstd : public ByteStream {
 public:
  Unzstd(std::string name, std::unique_ptr<ByteStream> compressed)
      : name_(std::move(name)),
        compressed_(std::move(compressed)),
        input_(ZSTD_DStreamInSize()),
        zstd_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    require(zstd_ != nullptr, "zstd: no memory to decompress");
    check(ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax, kLargestWindowLog));
  }

  std::size_t read(char* into, std::size_t n) override {
    ZSTD_outBuffer out{into, n, 0};
    while (out.pos == 0) {
      if (bytes_.pos == bytes_.size) {
        bytes_ = {input_.data(), compressed_->read(input_.data(), input_.size()), 0};
        // What is decompressed already may still wait in the context.
        if (bytes_.size == 0 && n_missing_ == 0) return 0;
      }
      const bool has_input = bytes_.size > 0;
      n_missing_ = check(ZSTD_decompressStream(zstd_.get(), &out, &bytes_));
      if (!has_input && out.pos == 0 && n_missing_ > 0)
        throw DataError(name_, 0, "is compressed with zstd and ends too early: a part of it is missing");
    }
    return out.pos;
  }

 private:
  std::size_t check(std::size_t result) const {
    if (ZSTD_isError(result) != 0) throw DataError(name_, 0, problem_of(result));
    return result;
  }

  std::string name_;
  std::unique_ptr<ByteStream> compressed_;
  std::vector<char> input_;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd_;
  ZSTD_inBuffer bytes_{nullptr, 0, 0};
  std::size_t n_missing_ = 0;  // 0: a frame is complete
};

}  // namespace

std::unique_ptr<ByteStream> unzstd(std::string name, std::unique_ptr<ByteStream> compressed) {
  return std::make_unique<Unzstd>(std::move(name), std::move(compressed));
}

}  // namespace kvcompare
