#include "launch/command_line/flag_sections.h"

#include <array>
#include <utility>

namespace kvcompare {
namespace {

// Rows of kPresses bring their own.
constexpr std::array<std::pair<FlagGroup, const char*>, 8> kGroupTitles{{
    {FlagGroup::kData, "Model and data"},
    {FlagGroup::kMethods, "Methods"},
    {FlagGroup::kEviction, "Eviction"},
    {FlagGroup::kPresses, ""},
    {FlagGroup::kPrompts, "Prompts"},
    {FlagGroup::kSurrogate, "Surrogate"},
    {FlagGroup::kMachine, "Machine"},
    {FlagGroup::kOutput, "Output"},
}};

}  // namespace

std::vector<FlagSection> sections_of(const std::vector<Flag>& flags) {
  std::vector<FlagSection> sections;
  for (const auto& [group, title] : kGroupTitles) {
    bool is_first = true;
    for (const Flag& flag : flags) {
      if (flag.group != group) continue;
      const std::string own = group == FlagGroup::kPresses ? flag.section : title;
      if (std::exchange(is_first, false) || sections.back().title != own) sections.push_back({own, {}});
      sections.back().flags.push_back(&flag);
    }
  }
  return sections;
}

std::string explanation(const Flag& flag) {
  const std::string value = flag.value.shown(Settings{});
  std::string bracket = value.empty() ? flag.absent : value;
  const std::string what = value.empty() && flag.absent == "required" ? "" : "default: ";
  const std::string unit = flag.unit.empty() || value.empty() ? "" : " " + flag.unit;
  const std::string unit_alone = flag.unit.empty() || !value.empty() ? "" : " (" + flag.unit + ")";
  return flag.help + unit_alone + " [" + what + bracket + unit + "]";
}

}  // namespace kvcompare
