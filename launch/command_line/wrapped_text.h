// Plain text in columns for a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kvcompare {

inline constexpr std::size_t kTextWidth = 100;

// Words of `text` in lines of at most `width` characters; a longer word has a line of its own.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

// `label` indented by two, `text` beside it from column `indent` on, wrapped at kTextWidth. A label too long
// for its column has a line of its own. Ends with a line break.
std::string labelled(std::string_view label, std::string_view text, std::size_t indent);

}  // namespace kvcompare
