#include "coordinator/reports/markdown_text.h"

#include <string_view>

namespace kvcompare {

std::string markdown_text(const std::string& text) {
  constexpr std::string_view kSpecial = "\\`*_{}[]#|~$";
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (static_cast<unsigned char>(c) < ' ') {
      result += ' ';
    } else {
      if (kSpecial.find(c) != std::string_view::npos) result += '\\';
      result += c;
    }
  }
  return result;
}

}  // namespace kvcompare
