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

  // The next n bytes, which stay where they are; fewer only at the end. Valid until the next call.
  std::string_view peek(std::size_t n);

  void skip(std::size_t n);  // at most what peek has shown

  // Takes a line, without its '\n', into `line`. Returns false at the end.
  bool take_line(std::string& line);

  std::string take_all();

 private:
  bool fill();  // adds bytes to the buffer; false at the end

  std::unique_ptr<ByteStream> stream_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is left of the buffer
};

}  // namespace kvcompare
