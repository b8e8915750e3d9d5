#include "common/json_line.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "common/data_file_kind.h"
#include "common/json_error.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

// How many bytes of the text's start a number is that JSON or double does not have; 0 if it is none.
std::size_t non_finite_size(std::string_view text) {
  for (const std::string_view name : {"NaN", "Infinity", "-Infinity"})
    if (text.starts_with(name)) return name.size();
  const auto size = std::min(text.find_first_not_of("+-.0123456789eE"), text.size());
  const bool may_be =
      size > 4 && text.front() != '+' && text.front() != '.' && text.front() != 'e' && text.front() != 'E';
  return may_be && std::isinf(std::strtod(std::string(text.substr(0, size)).c_str(), nullptr)) ? size : 0;
}

// Each non-finite number as an empty object of the same width, so that bytes keep their places; absent if
// there is none.
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

JsonLine parsed(const std::string& text) {
  try {
    return {json::parse(text), false};
  } catch (const json::exception&) {
    const auto finite = without_non_finite(text);
    if (!finite) throw;
    return {json::parse(*finite), true};
  }
}

std::string to_convert(const json& value) {
  if (value.is_string()) return "; `jq -c '{text: .}'` makes an object of each string";
  if (!value.is_array() || value.empty()) return {};
  if (value.front().is_object()) return "; `jq -c '.[]'` writes the objects of an array one a line";
  if (value.front().is_string()) return "; `jq -c '.[] | {text: .}'` makes an object of each string";
  return value.front().is_number() ? "; `jq -c '{input_ids: .}'` makes an object of an array of token ids"
                                   : "";
}

}  // namespace

JsonLine parse_json_line(const std::string& text, const DataPlace& place) {
  if (text.find('\0') != std::string::npos) place.fail("not valid JSON: holds a NUL byte");
  JsonLine line;
  try {
    line = parsed(text);
  } catch (const json::exception& error) {
    const auto problem = json_problem(error);
    place.fail("not valid JSON: " + problem + hint_for_line(text, problem));
  }
  if (!line.object.is_object())
    place.fail(std::string("holds ") + line.object.type_name() +
               "; expected an object a line, such as {\"text\": \"...\"}" + to_convert(line.object));
  return line;
}

std::string kind_of(const json& value, const JsonLine& line) {
  if (line.had_non_finite && value.is_object() && value.empty())
    return "NaN, Infinity, a number beyond double, or an empty object";
  return std::string("of type ") + value.type_name();
}

}  // namespace kvcompare
