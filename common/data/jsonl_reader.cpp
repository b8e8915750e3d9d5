#include "common/data/jsonl_reader.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <string_view>
#include <utility>

#include "common/data/data_file_kind.h"
#include "common/data/data_place.h"
#include "common/data/json_field.h"
#include "common/data/json_layouts.h"
#include "common/data/json_line.h"
#include "common/data/json_parts.h"
#include "common/data/json_ranges.h"
#include "common/data/json_token_ids.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

constexpr const char* kIdsField = "input_ids";
constexpr const char* kDefaultTextField = "text";
constexpr const char* kContextField = "context_length";
constexpr std::size_t kShownBytesOfName = 60;  // of a field's name, in a message

std::string fields_of(const json& object) {
  constexpr std::size_t kShown = 10;
  std::string list;
  std::size_t n = 0;
  for (const auto& [name, value] : object.items()) {
    if (n++ == kShown) return list + ", ...";
    list += (list.empty() ? "" : ", ") + ("'" + name.substr(0, kShownBytesOfName) + "'");
  }
  return list.empty() ? "none" : list;
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// The field that the user probably means: one that differs from the wanted name in case only; else the only
// field that holds a string; else "".
std::string likely_field(const json& object, const std::string& wanted) {
  std::vector<std::string> strings;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string() || name.size() > kShownBytesOfName) continue;
    if (same_but_for_case(name, wanted)) return name;
    strings.push_back(name);
  }
  return strings.size() == 1 ? strings.front() : "";
}

// Says what the line holds instead, and what the user can do about it.
std::string remedy_without_sample(const json& object, const std::string& text_field) {
  for (const char* chat : {"messages", "conversations"})
    if (has_value(object, chat))
      return std::string("; '") + chat +
             "' is a chat, and kvcompare applies no chat template: make 'prompt' and 'completion' of it (or "
             "'parts', for several answers in turn) with the text that tokenizer.apply_chat_template of "
             "transformers gives, or store the token ids that it gives as 'input_ids'";
  for (const auto& [name, value] : object.items())
    if (value.is_object() && has_value(value, text_field) && name.size() <= kShownBytesOfName)
      return "; '" + text_field + "' is inside '" + name + "': --text_field " + name + "." + text_field +
             " reads it";
  if (const auto likely = likely_field(object, text_field); !likely.empty())
    return "; did you mean --text_field " + likely + "?";
  return "; --text_field names the field to read";
}

// Code points.
std::int64_t n_characters(const std::string& utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::optional<std::int64_t> read_context_length(const JsonLine& line, const DataPlace& place) {
  if (!has_value(line.object, kContextField)) return std::nullopt;
  const json& value = line.object.at(kContextField);
  if (!value.is_number_unsigned() || value == 0 || value > std::numeric_limits<std::int32_t>::max())
    place.fail(std::string("'") + kContextField +
               "' must be a number of tokens, a whole number from 1; it is " +
               (value.is_number() ? value.dump() : kind_of(value, line)));
  return value.get<std::int64_t>();
}

void put_ranges(ScoredAndEvidence ranges, JsonlRecord& record) {
  record.scored = std::move(ranges.scored);
  record.evidence = std::move(ranges.evidence);
}

std::string n_lines(std::int64_t n) { return std::to_string(n) + (n == 1 ? " line" : " lines"); }

}  // namespace

std::vector<std::string> warnings_of(const IdsForText& taken, const std::optional<std::string>& text_field) {
  const auto field = text_field.value_or(kDefaultTextField);
  std::vector<std::string> warnings;
  if (taken.n_beside_text > 0)
    warnings.push_back(n_lines(taken.n_beside_text) + " with both 'input_ids' and '" + field +
                       "': input_ids was used; --text_field " + field + " uses the text");
  if (taken.n_without_the_field > 0)
    warnings.push_back(n_lines(taken.n_without_the_field) + " without the field '" + field +
                       "' that --text_field names: input_ids was used");
  return warnings;
}

FieldsThatCount fields_that_count(const TextFields& fields) {
  if (fields.layout)
    return {.of_sample = fields_of(*fields.layout), .beside = {kContextField, kEvidenceField}};
  FieldsThatCount result{.of_sample = {fields.text.value_or(kDefaultTextField), kIdsField, kPartsField},
                         .beside = {kContextField, kScoredField, kEvidenceField}};
  for (auto& name : names_of_pair(fields)) result.of_sample.push_back(std::move(name));
  for (const char* name : kFieldsBesideIds) result.beside.emplace_back(name);
  return result;
}

JsonlReader::JsonlReader(std::string file, TextFields fields, std::unique_ptr<JsonTexts> texts)
    : path_(std::move(file)), fields_(std::move(fields)), texts_(std::move(texts)) {}

std::optional<JsonlRecord> JsonlReader::next() {
  std::string text;
  if (!texts_->next(text)) return std::nullopt;
  return std::exchange(is_first_, false) ? parse_first(text) : parse(text);
}

JsonlRecord JsonlReader::parse_first(const std::string& text) {
  try {
    return parse(text);
  } catch (const DataError& error) {
    if (!error.problem.starts_with("not valid JSON")) throw;
    throw DataError(error.file, error.line, error.problem + hint_for_first_line(text, path_));
  }
}

JsonlRecord JsonlReader::parse(const std::string& text) {
  const DataPlace place{path_, texts_->line()};
  auto line = parse_json_line(text, place);
  if (fields_.layout) return record_of_layout(line);
  const auto& object = line.object;
  const auto field = fields_.text.value_or(kDefaultTextField);
  const bool has_text = field != kIdsField && find_field(object, field) != nullptr;
  const bool has_pair = has_prompt_or_completion(line, fields_);
  const bool names_pair = fields_.prompt || fields_.completion;
  JsonlRecord record{.line = texts_->line()};
  if (fields_.text && has_text) {
    take_text(line, field, record);
  } else if (names_pair && has_pair) {
    take_parts(line, read_prompt_and_completion(line, fields_, place), record);
  } else if (has_value(object, kIdsField)) {
    if (has_text) ++ids_for_text_.n_beside_text;
    if (fields_.text && field != kIdsField) ++ids_for_text_.n_without_the_field;
    take_ids(line, record);
  } else if (has_text) {
    take_text(line, field, record);
  } else if (has_pair) {
    take_parts(line, read_prompt_and_completion(line, fields_, place), record);
  } else if (has_value(object, kPartsField)) {
    take_parts(line, read_parts(line, place), record);
  } else {
    if (object.contains(field)) place.fail("field '" + field + "' is null; expected a string");
    place.fail(
        "has neither the field '" + field +
        "' (a string) nor 'input_ids' (token ids), nor 'prompt' and 'completion', nor 'parts'; fields: " +
        fields_of(object) + remedy_without_sample(object, field));
  }
  record.n_context = read_context_length(line, place);
  return record;
}

JsonlRecord JsonlReader::record_of_layout(const JsonLine& line) const {
  const DataPlace place{path_, texts_->line()};
  JsonlRecord record{.line = texts_->line()};
  take_parts(line, read_layout(line, *fields_.layout, place), record);
  record.n_context = read_context_length(line, place);
  return record;
}

void JsonlReader::take_ids(const JsonLine& line, JsonlRecord& record) {
  const DataPlace place{path_, texts_->line()};
  auto [ids, n_before] = read_token_ids(line, place);
  const auto n_tokens = std::ssize(ids);
  const RangeBounds bounds{{n_before, n_before + n_tokens}, "tokens", "the sample"};
  put_ranges(read_scored_and_evidence(line, bounds, place), record);
  const auto count_from_sample = [n_before = n_before](std::vector<Range>& ranges) {
    for (auto& range : ranges) range = {range.begin - n_before, range.end - n_before};
  };
  if (record.scored) count_from_sample(*record.scored);
  std::ranges::for_each(record.evidence, count_from_sample);
  record.ids = std::move(ids);
}

void JsonlReader::take_text(JsonLine& line, const std::string& field, JsonlRecord& record) const {
  const DataPlace place{path_, texts_->line()};
  json& value = *find_field(line.object, field);
  if (!value.is_string())
    place.fail("field '" + field + "' must be a string; it is " + kind_of(value, line) +
               (value.is_array() ? "; join its parts, or give each a line of its own" : ""));
  record.text = std::move(value.get_ref<std::string&>());
  const RangeBounds bounds{{0, n_characters(*record.text)}, "characters", "the text"};
  put_ranges(read_scored_and_evidence(line, bounds, place), record);
}

void JsonlReader::take_parts(const JsonLine& line, std::vector<TextPart> parts, JsonlRecord& record) const {
  const DataPlace place{path_, texts_->line()};
  if (has_value(line.object, kScoredField))
    place.fail(
        "holds 'scored' beside a prompt and completion or parts, which say themselves what is scored; "
        "expected "
        "'scored' beside 'text' or 'input_ids' only");
  std::int64_t n = 0;
  for (const TextPart& part : parts) n += n_characters(part.text);
  const auto n_scored = std::ranges::count_if(parts, &TextPart::is_scored);
  const RangeBounds bounds{{0, n}, "characters", "the text of all parts"};
  record.evidence = read_evidence(line, static_cast<std::size_t>(n_scored), bounds, place);
  record.parts = std::move(parts);
}

}  // namespace kvcompare
