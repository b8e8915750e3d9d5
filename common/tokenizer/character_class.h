// The character classes of Oniguruma as items of a PCRE2 bracket expression.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

// Returns items to be put between '[' and ']', as do the functions below.
//   property : a general category ("L", "Lu", "Letter") or a script ("Han"), as between the braces of \p{...}
//   returns  : std::nullopt for a name that is neither
std::optional<std::string> class_of_property(std::string_view property);

std::string class_of_space();  // \s
std::string class_of_word();   // \w
std::string class_of_digit();  // \d

// \w of Rust's regex crate, which Hugging Face uses for single_word: Alphabetic, M, Nd, Pc and Join_Control.
std::string class_of_rust_word();

}  // namespace kvcompare
