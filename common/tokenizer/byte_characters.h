// GPT-2's bytes_to_unicode, by which byte-level tokenizers write bytes as characters: visible characters of
// Latin-1 stand for themselves, and the other bytes are written as U+0100, U+0101, ... in order.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

// Appends the characters that stand for the bytes.
void append_byte_characters(std::string& out, std::string_view bytes);

// How many bytes of UTF-8 the character has that stands for the byte.
std::size_t n_character_bytes(char byte);

// The bytes that the characters of valid UTF-8 stand for; absent if one of them stands for no byte.
std::optional<std::string> bytes_of_characters(std::string_view utf8);

}  // namespace kvcompare
