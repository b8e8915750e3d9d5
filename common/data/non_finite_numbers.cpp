#include "common/data/non_finite_numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace kvcompare {
namespace {

// If the text begins with a number that JSON or double does not have, the number's length in bytes; else 0.
std::size_t non_finite_size(std::string_view text) {
  for (const std::string_view name : {"NaN", "Infinity", "-Infinity"})
    if (text.starts_with(name)) return name.size();
  const auto size = std::min(text.find_first_not_of("+-.0123456789eE"), text.size());
  const bool may_be =
      size > 4 && text.front() != '+' && text.front() != '.' && text.front() != 'e' && text.front() != 'E';
  return may_be && std::isinf(std::strtod(std::string(text.substr(0, size)).c_str(), nullptr)) ? size : 0;
}

}  // namespace

std::optional<std::string> without_non_finite(std::string text) {
  bool is_in_string = false, has_any = false, may_begin = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      is_in_string = c != '"';
      continue;
    }
    is_in_string = c == '"';
    if (const auto size = may_begin ? non_finite_size(std::string_view(text).substr(i)) : 0; size > 0) {
      text.replace(i, size, "{}" + std::string(size - 2, ' '));
      has_any = true;
      i += size - 1;
    }
    may_begin = std::string_view(" \t\r:,[").find(c) != std::string_view::npos;
  }
  return has_any ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace kvcompare
