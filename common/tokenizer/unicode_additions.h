// Characters that Unicode 15.0 to 16.0 assigned. PCRE2 up to 10.42 knows Unicode 14, Hugging Face tokenizers
// 0.20+ (Oniguruma 6.9.10) knows 16; with these ranges beside \p{...} both see the same letters, marks,
// numbers, punctuation and symbols. A PCRE2 that knows them already is not disturbed.
#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// Items of a PCRE2 bracket expression for a general category or script; empty where nothing was added or the
// additions are not listed (subcategories of M, P, S).
std::string unicode_additions(std::string_view property);

}  // namespace kvcompare
