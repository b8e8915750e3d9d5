#include "launch/command_line/wrapped_text.h"

#include <sstream>
#include <utility>

namespace kvcompare {

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::istringstream words{std::string(text)};
  std::string line;
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > width) lines.push_back(std::exchange(line, ""));
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string labelled(std::string_view label, std::string_view text, std::size_t indent) {
  std::string result = "  " + std::string(label);
  bool beside = result.size() < indent;
  for (const std::string& line : wrap(text, kTextWidth - indent)) {
    if (!beside) result += "\n";
    result += std::string(beside ? indent - result.size() : indent, ' ') + line;
    beside = false;
  }
  return result + "\n";
}

}  // namespace kvcompare
