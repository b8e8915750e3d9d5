#include "launch/command_line/press_flags.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/run/instance_name.h"
#include "common/run/method_parameters.h"
#include "common/shortest.h"
#include "launch/command_line/flag_value.h"
#include "launch/command_line/replaced.h"
#include "presses/registry.h"

namespace kvcompare {
namespace {

using Texts = std::vector<std::string>;

// "a, b and c"
std::string enumerated(const Texts& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

bool has_flag(const MethodDescription& method, std::string_view name) {
  return std::ranges::find(method.parameters, name, &ParameterFlag::name) != method.parameters.end();
}

Texts names_of_methods_with(std::string_view flag) {
  Texts names;
  for (const auto& method : methods())
    if (has_flag(method, flag)) names.emplace_back(method.name);
  return names;
}

// `parse` gives the parameter's value, or nothing if the text is not accepted.
template <class Parse>
FlagValue value_of(const ParameterFlag& flag, FlagKind kind, std::string placeholder, std::string accepted,
                   Parse parse) {
  return {kind, std::move(placeholder), std::move(accepted),
          [name = flag.name, parse](Settings& settings, const std::string& text) {
            const auto value = parse(text);
            if (value) settings.flags.set(name, *value);
            return value.has_value();
          },
          [name = flag.name, standard = flag.standard](const Settings& settings) {
            const auto* given = find_parameter(settings.flags.of_presses, name);
            return std::visit([](const auto& value) { return parameter_text(value); },
                              given ? given->value : standard);
          }};
}

FlagValue number_value(const ParameterFlag& flag) {
  const bool is_any = flag.least_real == std::numeric_limits<double>::lowest() &&
                      flag.most_real == std::numeric_limits<double>::max();
  return value_of(flag, FlagKind::kNumber, "X",
                  is_any ? "a finite number"
                         : "a number from " + shortest(flag.least_real) + " to " + shortest(flag.most_real),
                  [least = flag.least_real, most = flag.most_real](const std::string& text) {
                    auto value = parse_finite(text);
                    if (!value || *value < least || *value > most) return std::optional<double>();
                    *value += 0.0;  // -0 becomes 0: they are one value, under one name
                    return value;
                  });
}

FlagValue whole_value(const ParameterFlag& flag) {
  return value_of(flag, FlagKind::kWholeNumber, "N",
                  "a whole number from " + std::to_string(flag.least) + " to " + std::to_string(flag.most),
                  [least = flag.least, most = flag.most](const std::string& text) {
                    return parse_whole(text, least, most);
                  });
}

FlagValue text_value(const ParameterFlag& flag) {
  const bool is_place = role_of(flag.name) == ParameterRole::kPlace;
  const bool is_folder = is_place_of_scores(flag.name);
  return value_of(flag, FlagKind::kText,
                  is_folder  ? "FOLDER"
                  : is_place ? "FOLDER|ID"
                             : "TEXT",
                  is_folder  ? "a folder"
                  : is_place ? "a folder or a hub id"
                             : "a text",
                  [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); });
}

FlagValue choice_value(const ParameterFlag& flag) {
  return value_of(flag, FlagKind::kText, joined(flag.choices, "|", "|"), joined(flag.choices, ", ", " or "),
                  [choices = flag.choices](const std::string& text) {
                    const bool is_choice = std::ranges::find(choices, text) != choices.end();
                    return is_choice ? std::optional(text) : std::nullopt;
                  });
}

FlagValue value_by_type(const ParameterFlag& flag) {
  if (std::holds_alternative<bool>(flag.standard))
    return value_of(flag, FlagKind::kSwitch, "[true|false]", "true or false", parse_switch);
  if (std::holds_alternative<double>(flag.standard)) return number_value(flag);
  if (!std::holds_alternative<std::string>(flag.standard)) return whole_value(flag);
  return flag.choices.empty() ? text_value(flag) : choice_value(flag);
}

Flag row_of(const ParameterFlag& flag, FlagGroup group) {
  auto value = value_by_type(flag);
  if (role_of(flag.name) != ParameterRole::kKind) value = listed(std::string(flag.name), std::move(value));
  return {.name = std::string(flag.name),
          .group = group,
          .value = std::move(value),
          .unit = std::string(flag.unit),
          .help = replaced(std::string(flag.help), "{methods}", enumerated(names_of_methods_with(flag.name))),
          .absent = std::string(flag.absent),
          .is_path = role_of(flag.name) == ParameterRole::kPlace,
          .section = std::string(flag.section)};
}

}  // namespace

std::vector<Flag> press_flags(std::string_view section, FlagGroup group) {
  std::vector<Flag> flags;
  for (const auto& method : methods())
    for (const auto& flag : method.parameters)
      if (flag.section == section && std::ranges::find(flags, flag.name, &Flag::name) == flags.end())
        flags.push_back(row_of(flag, group));
  return flags;
}

std::vector<std::string_view> other_press_sections(const std::vector<std::string_view>& known) {
  std::vector<std::string_view> sections;
  const auto is_in = [](const auto& list, std::string_view section) {
    return std::ranges::find(list, section) != list.end();
  };
  for (const auto& method : methods())
    for (const auto& flag : method.parameters)
      if (!is_in(known, flag.section) && !is_in(sections, flag.section)) sections.push_back(flag.section);
  return sections;
}

std::vector<Flag> include_flags(FlagGroup group) {
  std::vector<Flag> flags;
  for (const auto& method : methods()) {
    if (method.include.name.empty()) continue;
    const std::string name(method.name);
    flags.push_back({.name = std::string(method.include.name),
                     .group = group,
                     .value = {FlagKind::kSwitch, "[true|false]", "true or false",
                               [name](Settings& settings, const std::string& text) {
                                 const auto value = parse_switch(text);
                                 if (!value) return false;
                                 settings.included.erase(name);
                                 if (*value) settings.included.insert(name);
                                 return true;
                               },
                               [name](const Settings& settings) -> std::string {
                                 return settings.included.contains(name) ? "true" : "false";
                               }},
                     .unit = "",
                     .help = std::string(method.include.help),
                     .absent = ""});
  }
  return flags;
}

std::string names_of_all() {
  Texts names;
  for (const auto& method : methods())
    if (method.in_all && method.policy != DefaultPolicy::kNone) names.emplace_back(method.name);
  return enumerated(names);
}

std::string names_with_trained_scorer() {
  Texts names;
  for (const auto& method : methods())
    if (needs_trained_scorer(method)) names.emplace_back(method.display_name);
  return enumerated(names);
}

std::vector<std::string> place_flags() {
  Texts names;
  for (const auto& method : methods())
    for (const auto& flag : method.parameters)
      if (role_of(flag.name) == ParameterRole::kPlace) names.emplace_back(flag.name);
  return names;
}

}  // namespace kvcompare
