#include "launch/command_line/completed_value.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "launch/command_line/flag_value.h"
#include "presses/registry.h"

namespace kvcompare {
namespace {

constexpr std::string_view kListEnd = ",...";

bool is_word(const std::string& text) {
  return std::ranges::none_of(text, [](unsigned char c) { return std::isupper(c) != 0; });
}

std::vector<std::string> method_names() {
  std::vector<std::string> names{"all", "every"};
  for (const MethodDescription& method : methods()) {
    names.emplace_back(method.name);
    for (const auto& variant : method.variants) names.emplace_back(variant.name);
  }
  return names;
}

// "auto|cpu|cuda:N": auto and cpu. A placeholder in capitals stands for something else.
std::vector<std::string> words_of(std::string_view placeholder) {
  auto words = split_at(std::string(placeholder), '|');
  std::erase_if(words, [](const std::string& word) { return !is_word(word); });
  return {words.begin(), words.end()};
}

}  // namespace

CompletedValue completed_value(const Flag& flag) {
  using Kind = CompletedValue::Kind;
  if (flag.value.kind == FlagKind::kSwitch) return {};
  std::string_view placeholder = flag.value.placeholder;
  CompletedValue value{.is_list = placeholder.ends_with(kListEnd)};
  if (value.is_list) placeholder.remove_suffix(kListEnd.size());
  value.words = flag.name == "methods" ? method_names() : words_of(placeholder);
  if (!value.words.empty())
    value.kind = Kind::kWords;
  else if (placeholder.starts_with("FOLDER"))
    value.kind = Kind::kFolder;
  else if (placeholder.starts_with("FILE") || placeholder.ends_with(".jsonl"))
    value.kind = Kind::kFile;
  return value;
}

}  // namespace kvcompare
