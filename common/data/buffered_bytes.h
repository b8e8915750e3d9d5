// Bytes of a stream, looked at before they are taken.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/data/byte_stream.h"

namespace kvcompare {

class BufferedBytes {
 public:
  explicit BufferedBytes(std::unique_ptr<ByteStream> stream);

  // What has been read and not taken. The view is valid until the next call of another function.
  std::string_view buffered() const { return std::string_view(buffer_).substr(begin_); }

  bool read_more();  // adds bytes to buffered(); returns false at the end

  // The next n bytes, which are not taken; fewer only at the end. Valid until the next call.
  std::string_view peek(std::size_t n);

  void skip(std::size_t n);  // at most what is buffered

  // Takes a line, without its '\n', into `line`. Returns false at the end.
  bool take_line(std::string& line);

  std::string take_all();

 private:
  std::unique_ptr<ByteStream> stream_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is left of the buffer
};

}  // namespace kvcompare
