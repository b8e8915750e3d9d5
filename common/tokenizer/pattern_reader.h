// A cursor over a regular expression in Oniguruma's syntax. It translates escapes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvcompare {

class PatternReader {
 protected:
  explicit PatternReader(std::string_view pattern) : in_(pattern) {}

  // Throws std::invalid_argument: this construct cannot be written for PCRE2.
  [[noreturn]] void refuse(const std::string& what) const;

  bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }

  struct ClassEscape {
    std::string items;  // for a PCRE2 bracket expression
    bool negated;
  };

  // Called with at_ on a backslash. If the escape is of the kind asked for, at_ moves past it; else the
  // result is absent, and at_ does not move.
  std::optional<ClassEscape> class_escape(bool caseless);  // \s \S \w \W \d \D \h \H \p{..} \P{..}
  std::optional<std::string> escaped_character();          // in PCRE2's syntax

  std::string_view in_;
  std::size_t at_ = 0;

 private:
  char escape_letter() const { return at_ + 1 < in_.size() ? in_[at_ + 1] : '\0'; }
  ClassEscape property_escape(bool negated, bool caseless);
  std::string_view take_hex(std::size_t offset, std::size_t n_digits);
  std::string two_digit_hex();
  std::string braced_hex();
};

}  // namespace kvcompare
