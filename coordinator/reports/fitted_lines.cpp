#include "coordinator/reports/fitted_lines.h"

#include <algorithm>
#include <sstream>

namespace kvcompare {
namespace {

constexpr std::size_t kNarrowest = 4;  // room for the indentation and some text

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// The number of bytes of the first n characters.
std::size_t bytes_of(const std::string& text, std::size_t n) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_character(text[i]) && n-- == 0) return i;
  return text.size();
}

std::string fitted_line(const std::string& line, std::size_t width) {
  if (display_width(line) <= width) return line + "\n";
  std::istringstream words(line);
  std::string text, current;
  bool has_word = false;
  const auto begin_line = [&] {
    text += current + "\n";
    current = "  ";
    has_word = false;
  };
  for (std::string word; words >> word;) {
    if (has_word && display_width(current) + 1 + display_width(word) > width) begin_line();
    if (has_word) current += " ";
    while (display_width(current) + display_width(word) > width) {
      const std::size_t n = bytes_of(word, width - display_width(current));
      current += word.substr(0, n);
      word.erase(0, n);
      begin_line();
    }
    current += word;
    has_word = true;
  }
  return text + current + "\n";
}

}  // namespace

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string fitted_lines(const std::string& text, std::size_t width) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += fitted_line(line, std::max(width, kNarrowest));
  return result;
}

}  // namespace kvcompare
