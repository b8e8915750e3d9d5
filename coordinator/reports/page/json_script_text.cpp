#include "coordinator/reports/page/json_script_text.h"

#include <string_view>

namespace kvcompare {
namespace {

constexpr std::string_view kLineSeparator = "\u2028", kParagraphSeparator = "\u2029";

std::string_view escape_of(std::string_view text) {
  switch (text.front()) {
    case '<':
      return "\\u003c";
    case '>':
      return "\\u003e";
    case '&':
      return "\\u0026";
    default:
      if (text.starts_with(kLineSeparator)) return "\\u2028";
      if (text.starts_with(kParagraphSeparator)) return "\\u2029";
      return "";
  }
}

}  // namespace

std::string script_text(const OrderedJson& json) {
  // In JSON these characters occur only inside of strings, where an escape has the same meaning.
  const std::string plain = json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  std::string text;
  text.reserve(plain.size());
  for (std::size_t i = 0; i < plain.size();) {
    const auto escape = escape_of(std::string_view(plain).substr(i));
    if (escape.empty()) {
      text += plain[i++];
    } else {
      text += escape;
      i += plain[i] == kLineSeparator[0] ? kLineSeparator.size() : 1;
    }
  }
  return text;
}

}  // namespace kvcompare
