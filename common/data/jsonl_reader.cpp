#include "common/data/jsonl_reader.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/data/data_file_kind.h"
#include "common/data/data_place.h"
#include "common/data/json_line.h"
#include "common/data/json_token_ids.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

constexpr const char* kIdsField = "input_ids";
constexpr const char* kDefaultTextField = "text";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kShownBytes = 60;  // of a field's name, in a message

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::string fields_of(const json& object) {
  constexpr std::size_t kShown = 10;
  std::string list;
  std::size_t n = 0;
  for (const auto& [name, value] : object.items()) {
    if (n++ == kShown) return list + ", ...";
    list += (list.empty() ? "" : ", ") + ("'" + name.substr(0, kShownBytes) + "'");
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
    if (!value.is_string() || name.size() > kShownBytes) continue;
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
             "' is a chat, and kvcompare applies no chat template: store the token ids that "
             "tokenizer.apply_chat_template of transformers gives as 'input_ids'";
  for (const auto& [name, value] : object.items())
    if (value.is_object() && has_value(value, text_field))
      return "; '" + text_field + "' is inside '" + name.substr(0, kShownBytes) +
             "': expected in the line's own object";
  if (const auto likely = likely_field(object, text_field); !likely.empty())
    return "; did you mean --text_field " + likely + "?";
  return "; --text_field names the field to read";
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

JsonlReader::JsonlReader(const std::filesystem::path& path, std::optional<std::string> text_field)
    : path_(path.string()), text_field_(std::move(text_field)) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw DataError(path_, 0, "is a folder; expected a JSON Lines file");
  file_.open(path, std::ios::binary);
  if (!file_) throw DataError(path_, 0, std::string("cannot be opened: ") + std::strerror(errno));
}

std::optional<JsonlRecord> JsonlReader::next() {
  std::string text;
  if (line_ == 0 && file_.peek() == '\0') text.push_back('\0');  // /dev/zero
  while (!text.empty() || std::getline(file_, text)) {
    if (++line_ == 1) {
      if (text.size() == 1 && text[0] == '\0') {
        std::string first(2, '\0');
        file_.read(first.data(), 2);
        text = first;
      }
      if (const auto problem = foreign_format(text, path_); !problem.empty())
        throw DataError(path_, 0, problem);
      if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
    }
    if (!is_blank(text)) return std::exchange(is_first_, false) ? parse_first(text) : parse(text);
    text.clear();
  }
  if (file_.bad()) throw DataError(path_, line_ + 1, "cannot be read");
  return std::nullopt;
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
  const DataPlace place{path_, line_};
  auto line = parse_json_line(text, place);
  auto& object = line.object;
  const auto field = text_field_.value_or(kDefaultTextField);
  const bool has_text = field != kIdsField && has_value(object, field);
  if (has_value(object, kIdsField) && !(has_text && text_field_)) {
    if (has_text) ++ids_for_text_.n_beside_text;
    if (text_field_ && field != kIdsField) ++ids_for_text_.n_without_the_field;
    return {line_, std::nullopt, read_token_ids(line, place)};
  }
  if (has_text) {
    json& value = object[field];
    if (!value.is_string())
      place.fail("field '" + field + "' must be a string; it is " + kind_of(value, line) +
                 (value.is_array() ? "; join its parts, or give each a line of its own" : ""));
    return {line_, std::move(value.get_ref<std::string&>()), std::nullopt};
  }
  if (object.contains(field)) place.fail("field '" + field + "' is null; expected a string");
  place.fail("has neither the field '" + field + "' (a string) nor 'input_ids' (token ids); fields: " +
             fields_of(object) + remedy_without_sample(object, field));
}

}  // namespace kvcompare
