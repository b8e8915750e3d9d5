#include "launch/method_list.h"

#include <algorithm>
#include <cctype>
#include <variant>

#include "common/errors.h"
#include "launch/nearest_name.h"

namespace kvcompare {
namespace {

using Selection = std::vector<const MethodDescription*>;

std::string trimmed(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (std::string name = trimmed(std::string_view(list).substr(begin, end - begin)); !name.empty())
      names.push_back(std::move(name));
    begin = end + 1;
  }
  return names;
}

bool is_all(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name == "all";
}

void append_once(Selection& selection, const MethodDescription& method) {
  if (std::find(selection.begin(), selection.end(), &method) == selection.end()) selection.push_back(&method);
}

[[noreturn]] void refuse(const std::string& name, const std::string& origin) {
  std::vector<std::string> spellings{"all"};
  std::string listed = "all";
  for (const MethodDescription& method : methods()) {
    spellings.emplace_back(method.name);
    listed += ", " + std::string(method.name);
  }
  const std::string nearest = suggestion(name, spellings);
  throw ConfigError(origin, "'" + name + "' is no known method; " +
                                (nearest.empty() ? "there are: " : nearest + "There are: ") + listed);
}

}  // namespace

Selection select_methods(const std::string& list, ObservedAttention observed, const std::string& origin) {
  const std::vector<std::string> names = split_names(list);
  if (names.empty()) throw ConfigError(origin, "names no method; give names separated by commas, or all");
  Selection selection{&methods().front()};
  for (const std::string& name : names) {
    if (is_all(name)) {
      for (const MethodDescription& method : methods())
        if (method.in_all) append_once(selection, method);
    } else if (const MethodDescription* method = find_method(name)) {
      append_once(selection, *method);
    } else {
      refuse(name, origin);
    }
  }
  if (observed == ObservedAttention::kInclude) {
    const MethodDescription* method = find_method("observed_attention");
    require(method != nullptr, "the registry has no observed_attention");
    append_once(selection, *method);
  }
  return selection;
}

std::vector<MethodSpec> make_method_specs(std::span<const MethodDescription* const> methods,
                                          const RunSpec& run) {
  std::vector<MethodSpec> specs;
  for (const MethodDescription* method : methods) specs.push_back(make_method_spec(*method, run));
  return specs;
}

std::vector<std::string_view> policy_flags(const EvictionPolicy& policy) {
  if (std::holds_alternative<RatioBudget>(policy)) return {"compression_ratio"};
  if (std::holds_alternative<ScoreThreshold>(policy)) return {"threshold", "sliding_window_size"};
  return {};
}

}  // namespace kvcompare
