#include "common/data/json_line.h"

#include "common/data/data_file_kind.h"
#include "common/data/non_finite_numbers.h"
#include "common/json_error.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

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
