#include "common/tokenizer/byte_characters.h"

#include <algorithm>
#include <array>

#include "common/utf8.h"

namespace kvcompare {
namespace {

constexpr char32_t kEnd = 0x100 + 0x44;  // 68 bytes are not visible characters

struct ByteCharacters {
  std::array<char, 512> utf8;  // two bytes each
  std::array<unsigned char, 256> n_bytes;
};

ByteCharacters byte_characters() {
  ByteCharacters table{};
  char32_t next = 0x100;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    const std::string utf8 = encode_utf8(visible ? static_cast<char32_t>(byte) : next++);
    std::copy(utf8.begin(), utf8.end(), table.utf8.begin() + static_cast<std::ptrdiff_t>(2 * byte));
    table.n_bytes[byte] = static_cast<unsigned char>(utf8.size());
  }
  return table;
}

const ByteCharacters& table_of_bytes() {
  static const ByteCharacters table = byte_characters();
  return table;
}

// [character]: its byte; -1: none.
std::array<int, kEnd> bytes_by_character() {
  std::array<int, kEnd> bytes;
  bytes.fill(-1);
  for (int byte = 0; byte < 256; ++byte) {
    std::string character;
    append_byte_characters(character, std::string(1, static_cast<char>(byte)));
    bytes[decode_utf8(character, 0).value] = byte;
  }
  return bytes;
}

}  // namespace

void append_byte_characters(std::string& out, std::string_view bytes) {
  const ByteCharacters& table = table_of_bytes();
  const std::size_t old_bytes = out.size();
  out.resize(old_bytes + 2 * bytes.size());
  char* to = out.data() + old_bytes;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    to[0] = table.utf8[2 * byte];
    to[1] = table.utf8[2 * byte + 1];
    to += table.n_bytes[byte];
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
}

std::size_t n_character_bytes(char byte) {
  return table_of_bytes().n_bytes[static_cast<unsigned char>(byte)];
}

std::optional<std::string> bytes_of_characters(std::string_view utf8) {
  static const std::array<int, kEnd> table = bytes_by_character();
  std::string bytes;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto character = decode_utf8(utf8, at);
    at += character.n_bytes;
    if (character.value >= kEnd || table[character.value] < 0) return std::nullopt;
    bytes += static_cast<char>(table[character.value]);
  }
  return bytes;
}

}  // namespace kvcompare
