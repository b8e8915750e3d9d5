// Applies the Unicode normalisation forms (UAX #15) with the characters of Unicode 9.0, by utf8proc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

std::string to_unicode_form(std::string text, UnicodeForm form);

// A piece of a text that the form maps by itself, whatever stands beside it.
struct FormBlock {
  std::size_t n_bytes;         // of the text
  std::size_t n_formed_bytes;  // of what it becomes
  bool is_unchanged;
};

// The smallest such pieces, in order: together they are the text, and what they become is
// to_unicode_form(text).
std::vector<FormBlock> form_blocks(std::string_view text, UnicodeForm form);

}  // namespace kvcompare
