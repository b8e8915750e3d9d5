// Characters that Unicode 15.0 to 16.0 assigned. PCRE2 up to 10.42 knows Unicode 14; Hugging Face tokenizers
// 0.20+ (Oniguruma 6.9.10) know Unicode 16. With these ranges added to \p{...}, both recognise the same
// letters, marks, numbers, punctuation and symbols. A newer PCRE2 knows these characters already, and then
// the ranges change nothing.
#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// Returns items of a PCRE2 bracket expression for a general category or script. Empty if nothing was added,
// or if the additions are not listed (subcategories of M, P, S).
std::string unicode_additions(std::string_view property);

}  // namespace kvcompare
