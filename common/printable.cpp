#include "common/printable.h"

namespace kvcompare {

std::string printable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
    if (is_control)
      (result += "\\x") += {kDigits[byte >> 4], kDigits[byte & 15]};
    else
      result += c;
  }
  return result;
}

}  // namespace kvcompare
