#include "common/data/json_layouts.h"

#include <string_view>
#include <utility>

#include "common/data/json_field.h"
#include "common/data/json_parts.h"
#include "common/errors.h"
#include "common/white_space.h"

namespace kvcompare {
namespace {

using json = nlohmann::json;

// Reads an object of the line: the line itself, or one turn of it.
class LayoutFields {
 public:
  LayoutFields(const json& object, std::string where, DataLayout layout, const DataPlace& place)
      : object_(object), where_(std::move(where)), layout_(layout), place_(place) {}

  std::string text(const std::string& name) const { return text_of(at(name), name); }
  std::string text_or_nothing(const std::string& name) const {
    return find_field(object_, name) == nullptr ? "" : text(name);
  }
  std::string answer(const std::string& name) const {
    auto answer = text_of(first_answer(at(name)), name);
    if (answer.empty()) fail(name, "holds no answer");
    return answer;
  }
  const json& list(const std::string& name) const {
    const json& value = at(name);
    if (!value.is_array() || value.empty()) fail(name, "must be a list of turns");
    return value;
  }

 private:
  const json& at(const std::string& name) const {
    const auto* value = find_field(object_, name);
    if (value == nullptr) fail(name, "is missing");
    return *value;
  }
  std::string text_of(const json& value, const std::string& name) const {
    if (!value.is_string()) fail(name, std::string("must be a text; it is of type ") + value.type_name());
    return value.get<std::string>();
  }
  [[noreturn]] void fail(const std::string& name, const std::string& problem) const {
    place_.fail("field '" + where_ + name + "' " + problem + "; --data_layout " + to_string(layout_) +
                " reads it");
  }

  const json& object_;
  std::string where_;
  DataLayout layout_;
  const DataPlace& place_;
};

bool ends_with_space(const std::string& text) {
  return !text.empty() && is_blank(text.substr(text.size() - 1));
}

std::string with_question(std::string text, const std::string& question) {
  if (!question.empty()) text += "\n\n" + question;
  return ends_with_space(text) ? text : text + "\n";
}

std::vector<TextPart> parts_of_ruler(const LayoutFields& fields) {
  auto prompt = fields.text("input") + fields.text_or_nothing("answer_prefix");
  const auto* space = ends_with_space(prompt) ? "" : " ";
  return {{std::move(prompt), false}, {space + fields.answer("outputs"), true}};
}

std::vector<TextPart> parts_of_longbench(const LayoutFields& fields) {
  return {{with_question(fields.text("context"), fields.text("input")), false},
          {fields.answer("answers"), true}};
}

std::vector<TextPart> parts_of_scbench(const LayoutFields& fields, const DataPlace& place) {
  std::vector<TextPart> parts;
  auto before = fields.text("context");
  for (const json& turn : fields.list("multi_turns")) {
    const auto where = "multi_turns." + std::to_string(parts.size() / 2) + ".";
    const LayoutFields of_turn(turn, where, DataLayout::kScBench, place);
    parts.push_back({with_question(std::exchange(before, ""), of_turn.text("input")), false});
    parts.push_back({of_turn.answer("answer"), true});
  }
  return parts;
}

}  // namespace

std::vector<std::string> fields_of(DataLayout layout) {
  switch (layout) {
    case DataLayout::kRuler:
      return {"input", "answer_prefix", "outputs"};
    case DataLayout::kLongBench:
      return {"context", "input", "answers"};
    case DataLayout::kScBench:
      return {"context", "multi_turns"};
  }
  throw InvariantError("a DataLayout that nothing reads");
}

std::vector<TextPart> read_layout(const JsonLine& line, DataLayout layout, const DataPlace& place) {
  const LayoutFields fields(line.object, "", layout, place);
  switch (layout) {
    case DataLayout::kRuler:
      return parts_of_ruler(fields);
    case DataLayout::kLongBench:
      return parts_of_longbench(fields);
    case DataLayout::kScBench:
      return parts_of_scbench(fields, place);
  }
  throw InvariantError("a DataLayout that nothing reads");
}

}  // namespace kvcompare
