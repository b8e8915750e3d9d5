#include "common/json_error.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace kvcompare {
namespace {

constexpr std::size_t kShownBytes = 24;  // of the text that could not be parsed

// nlohmann puts the text around the error into its message: all of a string of many megabytes, invalid bytes
// included.
std::string ascii_text(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7f) {
      shown += c;
    } else {
      std::array<char, 5> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      shown += escaped.data();
    }
  }
  return shown;
}

// Drops everything up to and including the last character of `mark`, if it is there.
std::string_view after(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  return at == std::string_view::npos ? text : text.substr(at + mark.size());
}

}  // namespace

std::string json_problem(const nlohmann::json::exception& error) {
  std::string_view text = after(error.what(), "] ");
  std::string problem;
  if (const auto* parse_error = dynamic_cast<const nlohmann::json::parse_error*>(&error)) {
    problem = "byte " + std::to_string(parse_error->byte) + ": ";
    text = after(after(text, "column "), ": ");
  }
  constexpr std::string_view kLastRead = "last read: '";
  const std::size_t at = text.find(kLastRead);
  if (at == std::string_view::npos) return problem + ascii_text(text.substr(0, 200));
  const std::string_view read = text.substr(at + kLastRead.size());
  const std::size_t end = read.rfind('\'');
  const std::string_view token = read.substr(0, end);
  const std::string_view shown = token.substr(token.size() - std::min(token.size(), kShownBytes));
  return problem + ascii_text(text.substr(0, at)) + "last read: '" +
         (shown.size() < token.size() ? "..." : "") + ascii_text(shown) + "'" +
         (end == std::string_view::npos ? "" : ascii_text(read.substr(end + 1).substr(0, 80)));
}

}  // namespace kvcompare
