// Translates regular expressions of Oniguruma to PCRE2. tokenizer.json holds them in the syntax of Oniguruma,
// the engine of Hugging Face tokenizers. PCRE2 would read some of it with another meaning, and without an
// error.
#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// Returns the same pattern for Regex::compile. Throws std::invalid_argument naming the construct if PCRE2 has
// no exact equivalent (class intersections, inline options in mid-pattern, \K, \R, \X, callouts, ...).
// Source: Oniguruma doc/RE (syntax) and doc/SYNTAX.md (ONIG_SYNTAX_ONIGURUMA); PCRE2 pcre2pattern(3).
std::string pcre2_from_oniguruma(std::string_view pattern);

}  // namespace kvcompare
