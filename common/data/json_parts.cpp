#include "common/data/json_parts.h"

#include <algorithm>

#include "common/data/json_field.h"
#include "common/data/json_token_ids.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

std::string prompt_of(const TextFields& fields) { return fields.prompt.value_or("prompt"); }
std::string completion_of(const TextFields& fields) { return fields.completion.value_or("completion"); }

// What to do about a value that is no string.
std::string remedy(const json& value) {
  if (!value.is_array()) return "";
  if (!value.empty() && value.front().is_object())
    return "; a chat is no text, and kvcompare applies no chat template: put what "
           "tokenizer.apply_chat_template of transformers gives into 'prompt' and 'completion'";
  return R"(; several completions in turn are {"parts": [{"text": "...", "scored": true}, ...]})";
}

enum class ListOfTexts { kRefused, kFirstCounts };

std::string text_of(const JsonLine& line, const std::string& field, const std::string& other,
                    ListOfTexts list, const DataPlace& place) {
  const auto* found = find_field(line.object, field);
  if (found == nullptr)
    place.fail("holds '" + other + "' but not '" + field +
               "'; expected both, each a string; --prompt_field and --completion_field name the fields");
  const json& value = list == ListOfTexts::kFirstCounts ? first_answer(*found) : *found;
  if (!value.is_string())
    place.fail("field '" + field + "' must be a string; it is " + kind_of(value, line) + remedy(value));
  return value.get<std::string>();
}

constexpr const char* kExpectedParts =
    R"('parts' must be a list of objects such as {"text": "...", "scored": true})";

TextPart part_of(const json& item, const JsonLine& line, std::size_t at, const DataPlace& place) {
  const auto where = "part " + std::to_string(at);
  if (!item.is_object() || !has_value(item, "text"))
    place.fail(std::string(kExpectedParts) + "; " + where +
               (item.is_object() ? " has no 'text'" : " is " + kind_of(item, line)));
  if (!item.at("text").is_string())
    place.fail("'parts': the 'text' of " + where + " must be a string; it is " +
               kind_of(item.at("text"), line));
  TextPart part{item.at("text").get<std::string>(), false};
  if (has_value(item, "scored")) {
    if (!item.at("scored").is_boolean())
      place.fail("'parts': 'scored' of " + where + " must be true or false; it is " +
                 kind_of(item.at("scored"), line));
    part.is_scored = item.at("scored").get<bool>();
  }
  if (part.is_scored && part.text.empty())
    place.fail("'parts': " + where + " is an empty completion; expected text to score");
  return part;
}

}  // namespace

const json& first_answer(const json& value) {
  const bool is_list = value.is_array() && !value.empty() && std::ranges::all_of(value, &json::is_string);
  return is_list ? value.front() : value;
}

std::array<std::string, 2> names_of_pair(const TextFields& fields) {
  return {prompt_of(fields), completion_of(fields)};
}

bool has_prompt_or_completion(const JsonLine& line, const TextFields& fields) {
  return find_field(line.object, prompt_of(fields)) != nullptr ||
         find_field(line.object, completion_of(fields)) != nullptr;
}

std::vector<TextPart> read_prompt_and_completion(const JsonLine& line, const TextFields& fields,
                                                 const DataPlace& place) {
  const auto prompt = prompt_of(fields), completion = completion_of(fields);
  std::vector<TextPart> parts{{text_of(line, prompt, completion, ListOfTexts::kRefused, place), false},
                              {text_of(line, completion, prompt, ListOfTexts::kFirstCounts, place), true}};
  if (parts.back().text.empty())
    place.fail("field '" + completion + "' is an empty completion; expected text to score");
  return parts;
}

std::vector<TextPart> read_parts(const JsonLine& line, const DataPlace& place) {
  const json& list = line.object.at(kPartsField);
  if (!list.is_array()) place.fail(std::string(kExpectedParts) + "; it is " + kind_of(list, line));
  if (list.empty()) place.fail(std::string(kExpectedParts) + "; it is empty");
  std::vector<TextPart> parts;
  for (const json& item : list) parts.push_back(part_of(item, line, parts.size(), place));
  return parts;
}

}  // namespace kvcompare
