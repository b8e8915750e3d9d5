// UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

// The byte offset of the first malformed sequence; absent if there is none.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

struct CodePoint {
  char32_t value;
  std::size_t n_bytes;
};

// The character that starts at text[offset]; text must be valid and offset a character boundary.
CodePoint decode_utf8(std::string_view text, std::size_t offset);

// The character that ends before text[end], end > 0.
CodePoint decode_utf8_before(std::string_view text, std::size_t end);

std::string encode_utf8(char32_t value);

// The number of bytes of the first character; 0 if the text is empty.
std::size_t first_character_bytes(std::string_view text);

}  // namespace kvcompare
