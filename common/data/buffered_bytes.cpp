#include "common/data/buffered_bytes.h"

#include <algorithm>
#include <utility>

namespace kvcompare {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 18;

}  // namespace

BufferedBytes::BufferedBytes(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

bool BufferedBytes::read_more() {
  buffer_.erase(0, std::exchange(begin_, 0));
  const auto n_before = buffer_.size();
  buffer_.resize(n_before + kReadBytes);
  const auto n_read = stream_->read(buffer_.data() + n_before, kReadBytes);
  buffer_.resize(n_before + n_read);
  return n_read > 0;
}

std::string_view BufferedBytes::peek(std::size_t n) {
  while (buffer_.size() - begin_ < n && read_more()) {
  }
  return buffered().substr(0, n);
}

void BufferedBytes::skip(std::size_t n) { begin_ += std::min(n, buffer_.size() - begin_); }

bool BufferedBytes::take_line(std::string& line) {
  std::size_t n_searched = 0;
  for (;;) {
    const auto end = buffer_.find('\n', begin_ + n_searched);
    if (end != std::string::npos) {
      line.assign(buffer_, begin_, end - begin_);
      begin_ = end + 1;
      return true;
    }
    n_searched = buffer_.size() - begin_;
    if (read_more()) continue;
    if (n_searched == 0) return false;
    line.assign(buffer_, begin_);
    begin_ = buffer_.size();
    return true;
  }
}

std::string BufferedBytes::take_all() {
  while (read_more()) {
  }
  auto all = buffer_.substr(begin_);
  begin_ = buffer_.size();
  return all;
}

}  // namespace kvcompare
