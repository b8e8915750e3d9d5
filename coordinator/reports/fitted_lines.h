// Text for a terminal that is narrower than its lines.
#pragma once

#include <cstddef>
#include <string>

namespace kvcompare {

// Characters of UTF-8 text, each taken to be one column wide.
std::size_t display_width(const std::string& text);

// Each line that is longer than `width` is broken between words, and goes on indented by two. A word that is
// longer than a line, a path perhaps, is broken where the line ends.
std::string fitted_lines(const std::string& text, std::size_t width);

}  // namespace kvcompare
