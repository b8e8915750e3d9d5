// Breaks lines for a terminal that is narrower than the text.
#pragma once

#include <cstddef>
#include <string>

namespace kvcompare {

// The number of characters of UTF-8 text. Each is taken to be one column wide.
std::size_t display_width(const std::string& text);

// Breaks each line that is longer than `width` between words, and indents its rest by two columns. A single
// word that is longer than a line, such as a path, is broken at the end of the line.
std::string fitted_lines(const std::string& text, std::size_t width);

}  // namespace kvcompare
