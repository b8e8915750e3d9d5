#pragma once

#include <cstdint>
#include <string_view>

namespace kvcompare {

// The Unicode property White_Space (Rust's char::is_whitespace).
bool is_white_space(char32_t character);

// Whether the text is empty, or holds nothing but spaces, tabs and line breaks.
bool is_blank(std::string_view text);

// How many words the text has: longest runs of characters that are no white space, as Python's
// len(text.split()). `utf8` must be valid UTF-8.
std::int64_t n_words(std::string_view utf8);

}  // namespace kvcompare
