// Applies the Unicode normalisation forms (UAX #15) with the characters of Unicode 9.0, by utf8proc.
#pragma once

#include <string>

namespace kvcompare {

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

std::string to_unicode_form(std::string text, UnicodeForm form);

}  // namespace kvcompare
