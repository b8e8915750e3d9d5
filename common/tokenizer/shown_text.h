#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// Bytes of a text on one line, for people: a line feed as ↵, a tab as ⇥, other control characters and bytes
// that are no whole character of UTF-8 as \xE4.
std::string shown_text(std::string_view bytes);

// The last, or first, n characters of valid UTF-8, with … where something is left out.
std::string last_characters(const std::string& utf8, std::size_t n);
std::string first_characters(const std::string& utf8, std::size_t n);

}  // namespace kvcompare
