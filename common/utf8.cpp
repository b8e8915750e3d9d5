#include "common/utf8.h"

#include <cstdint>
#include <cstring>

namespace kvcompare {
namespace {

unsigned char byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The length that a lead byte announces; 0 for a byte that cannot lead.
std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// The second byte decides whether a form is overlong (E0, F0), a surrogate (ED) or above U+10FFFF (F4).
bool second_byte_allowed(unsigned char lead, unsigned char second) {
  if (lead == 0xE0) return second >= 0xA0;
  if (lead == 0xED) return second <= 0x9F;
  if (lead == 0xF0) return second >= 0x90;
  if (lead == 0xF4) return second <= 0x8F;
  return true;
}

bool valid_sequence(std::string_view text, std::size_t at, std::size_t length) {
  if (length == 0 || at + length > text.size()) return false;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(byte_at(text, at + i))) return false;
  }
  return length == 1 || second_byte_allowed(byte_at(text, at), byte_at(text, at + 1));
}

bool next_eight_are_ascii(std::string_view text, std::size_t at) {
  if (at + 8 > text.size()) return false;
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + at, sizeof word);
  return (word & 0x8080808080808080ULL) == 0;
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (next_eight_are_ascii(text, at)) {
      at += 8;
      continue;
    }
    const std::size_t length = sequence_length(byte_at(text, at));
    if (!valid_sequence(text, at, length)) return at;
    at += length;
  }
  return std::nullopt;
}

CodePoint decode_utf8(std::string_view text, std::size_t offset) {
  const unsigned char lead = byte_at(text, offset);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t value = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) value = value << 6 | (byte_at(text, offset + i) & 0x3FU);
  return {value, length};
}

CodePoint decode_utf8_before(std::string_view text, std::size_t end) {
  std::size_t begin = end - 1;
  while (begin > 0 && is_continuation(byte_at(text, begin))) --begin;
  return decode_utf8(text, begin);
}

std::string encode_utf8(char32_t value) {
  const auto tail = [value](unsigned shift) { return static_cast<char>(0x80U | ((value >> shift) & 0x3FU)); };
  if (value < 0x80) return {static_cast<char>(value)};
  if (value < 0x800) return {static_cast<char>(0xC0U | value >> 6), tail(0)};
  if (value < 0x10000) return {static_cast<char>(0xE0U | value >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | value >> 18), tail(12), tail(6), tail(0)};
}

std::size_t first_character_bytes(std::string_view text) {
  return text.empty() ? 0 : decode_utf8(text, 0).n_bytes;
}

}  // namespace kvcompare
