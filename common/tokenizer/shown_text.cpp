#include "common/tokenizer/shown_text.h"

#include <cstddef>

#include "common/utf8.h"

namespace kvcompare {
namespace {

constexpr char32_t kFirstVisible = 0x20, kDelete = 0x7F, kEndOfControls = 0xA0;
constexpr std::size_t kMostBytesOfCharacter = 4;
constexpr const char* kLeftOut = "…";

std::string escaped(char c) {
  constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', kHex[byte / 16], kHex[byte % 16]};
}

// Bytes of the whole character that stands at the beginning; 0 if there is none.
std::size_t whole_character(std::string_view bytes) {
  for (std::size_t n = 1; n <= kMostBytesOfCharacter && n <= bytes.size(); ++n)
    if (!find_invalid_utf8(bytes.substr(0, n))) return n;
  return 0;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

std::string shown_text(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto n = whole_character(bytes.substr(at));
    const char32_t value = n > 0 ? decode_utf8(bytes, at).value : 0;
    if (value == '\n')
      text += "↵";
    else if (value == '\t')
      text += "⇥";
    else if (n == 0 || value < kFirstVisible || (value >= kDelete && value < kEndOfControls))
      for (std::size_t i = 0; i < (n == 0 ? 1 : n); ++i) text += escaped(bytes[at + i]);
    else
      text += bytes.substr(at, n);
    at += n == 0 ? 1 : n;
  }
  return text;
}

std::string last_characters(const std::string& utf8, std::size_t n) {
  std::size_t begin = utf8.size();
  while (begin > 0 && n > 0)
    if (begins_character(utf8[--begin])) --n;
  return (begin > 0 ? kLeftOut : "") + utf8.substr(begin);
}

std::string first_characters(const std::string& utf8, std::size_t n) {
  std::size_t end = 0;
  while (end < utf8.size()) {
    if (begins_character(utf8[end]) && n-- == 0) return utf8.substr(0, end) + kLeftOut;
    ++end;
  }
  return utf8;
}

}  // namespace kvcompare
