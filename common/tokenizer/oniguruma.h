// tokenizer.json holds regexes in Oniguruma's syntax (the engine of Hugging Face tokenizers); PCRE2 reads
// some of it differently without saying so.
#pragma once

#include <string>
#include <string_view>

namespace kvcompare {

// The same pattern for Regex::compile. Throws std::invalid_argument naming the construct if there is no exact
// equivalent here (class intersections, inline options in mid-pattern, \K, \R, \X, callouts, ...).
// Source: Oniguruma doc/RE (syntax) and doc/SYNTAX.md (ONIG_SYNTAX_ONIGURUMA); PCRE2 pcre2pattern(3).
std::string pcre2_from_oniguruma(std::string_view pattern);

}  // namespace kvcompare
