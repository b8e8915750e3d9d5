#include "common/white_space.h"

#include "common/utf8.h"

namespace kvcompare {

bool is_white_space(char32_t character) {
  switch (character) {
    case 0x20:
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return (character >= 0x09 && character <= 0x0D) || (character >= 0x2000 && character <= 0x200A);
  }
}

std::int64_t n_words(std::string_view utf8) {
  std::int64_t n = 0;
  bool in_word = false;
  for (std::size_t at = 0; at < utf8.size();) {
    const CodePoint c = decode_utf8(utf8, at);
    const bool is_of_word = !is_white_space(c.value);
    if (is_of_word && !in_word) ++n;
    in_word = is_of_word;
    at += c.n_bytes;
  }
  return n;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace kvcompare
