#include "common/tokenizer/pattern_reader.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "common/printable.h"
#include "common/tokenizer/character_class.h"

namespace kvcompare {
namespace {

std::string hex_escape(std::string_view digits) { return std::string("\\x{").append(digits).append("}"); }

}  // namespace

void PatternReader::refuse(const std::string& what) const {
  throw std::invalid_argument(printable(what + " has no exact equivalent in PCRE2 (at offset " +
                                        std::to_string(at_) + " of " + std::string(in_) + ")"));
}

std::string_view PatternReader::take_hex(std::size_t offset, std::size_t n_digits) {
  const std::string_view digits = in_.substr(std::min(offset, in_.size()), n_digits);
  const bool all_hex =
      std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (digits.empty() || digits.size() < n_digits || !all_hex) refuse("this escape");
  at_ = offset + n_digits;
  return digits;
}

std::string PatternReader::two_digit_hex() {
  if (at_ + 2 < in_.size() && in_[at_ + 2] >= '8') refuse("\\x80 to \\xff (a byte, not a character)");
  return hex_escape(take_hex(at_ + 2, 2));
}

std::string PatternReader::braced_hex() {
  const std::size_t close = in_.find('}', at_);
  if (close == std::string_view::npos || close - at_ > 11) refuse("this \\x{...}");
  const std::string_view digits = take_hex(at_ + 3, close - at_ - 3);
  ++at_;
  return hex_escape(digits);
}

std::optional<std::string> PatternReader::escaped_character() {
  const char letter = escape_letter();
  if (letter == 'u') return hex_escape(take_hex(at_ + 2, 4));
  if (letter == 'x') return next_is("\\x{") ? braced_hex() : two_digit_hex();
  const bool same_in_pcre2 =
      letter != '\0' && std::string_view("rntfea").find(letter) != std::string_view::npos;
  const bool punctuation =
      letter >= ' ' && letter < 0x7F && std::isalnum(static_cast<unsigned char>(letter)) == 0;
  if (letter != 'v' && !same_in_pcre2 && !punctuation) return std::nullopt;
  at_ += 2;
  if (letter == 'v') return "\\x{0B}";
  return letter == ' ' ? " " : std::string{'\\', letter};
}

std::optional<PatternReader::ClassEscape> PatternReader::class_escape(bool caseless) {
  const char letter = escape_letter();
  if (letter == 'p' || letter == 'P') return property_escape(letter == 'P', caseless);
  const auto taken = [this](std::string items, bool negated) {
    at_ += 2;
    return ClassEscape{std::move(items), negated};
  };
  if (letter == 's' || letter == 'S') return taken(class_of_space(), letter == 'S');
  if (letter == 'w' || letter == 'W') return taken(class_of_word(), letter == 'W');
  if (letter == 'd' || letter == 'D') return taken(class_of_digit(), letter == 'D');
  if (letter == 'h' || letter == 'H') return taken("0-9a-fA-F", letter == 'H');
  return std::nullopt;
}

PatternReader::ClassEscape PatternReader::property_escape(bool negated, bool caseless) {
  const std::size_t close = in_.find('}', at_);
  if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || close == std::string_view::npos)
    refuse("\\p without braces");
  std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
  if (name.starts_with('^')) {
    negated = !negated;
    name.remove_prefix(1);
  }
  const std::optional<std::string> items = class_of_property(name);
  if (!items) refuse("the property \"" + std::string(name) + "\"");
  const bool of_one_case =
      items->starts_with("\\p{Lu}") || items->starts_with("\\p{Ll}") || items->starts_with("\\p{Lt}");
  if (caseless && of_one_case) refuse("\\p{" + std::string(name) + "} in a caseless part");
  at_ = close + 1;
  return {*items, negated};
}

}  // namespace kvcompare
