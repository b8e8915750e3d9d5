#include "launch/command_line/help_topic.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/help_text.h"
#include "launch/command_line/nearest_name.h"
#include "launch/command_line/presses_text.h"
#include "launch/command_line/subcommand_table.h"
#include "presses/registry.h"

namespace kvcompare {
namespace {

// Without those of the main job, which mean the same.
const std::vector<Flag>& own_dump_flags() {
  static const std::vector<Flag> flags = [] {
    std::vector<Flag> own;
    for (const Flag& flag : dump_flags())
      if (find_flag(compare_flags(), flag.name) == nullptr) own.push_back(flag);
    return own;
  }();
  return flags;
}

// Each subcommand's row of the flag, once if they are the same; "" if there is none.
std::string flag_help(const std::string& name) {
  const std::pair<const char*, const std::vector<Flag>&> tables[] = {
      {"compare", compare_flags()}, {"train_kvzap", train_kvzap_flags()}, {"tokenize", tokenize_flags()},
      {"dump", own_dump_flags()},   {"verify", verify_flags()},           {"report", report_flags()},
      {"inspect", inspect_flags()}};
  std::string text, last;
  for (const auto& [subcommand, flags] : tables) {
    const Flag* flag = find_flag(flags, name);
    if (flag == nullptr) continue;
    const std::string lines = flag_lines(*flag);
    if (lines != last) text += std::string("kvcompare ") + subcommand + "\n" + lines;
    last = lines;
  }
  return text;
}

std::vector<std::string> topics() {
  std::vector<std::string> all = subcommand_names();
  for (const auto* flags : {&compare_flags(), &train_kvzap_flags(), &tokenize_flags(), &own_dump_flags()})
    for (const std::string& name : flag_names(*flags)) all.push_back(name);
  for (const MethodDescription& method : methods()) all.emplace_back(method.name);
  return all;
}

}  // namespace

std::string help_on(const std::string& topic) {
  const std::string name = canonical_name(topic.substr(std::min(topic.find_first_not_of('-'), topic.size())));
  for (const Subcommand& subcommand : subcommands())
    if (name == subcommand.name) return subcommand.help();
  if (std::string text = flag_help(name); !text.empty()) return text;
  if (const MethodDescription* method = find_method(name)) return press_text(*method);
  if (const auto found = find_variant(name); found.method) return press_text(*found.method);
  const std::string nearest = suggestion(name, topics());
  throw ConfigError("help", "'" + topic + "' is no topic; " + (nearest.empty() ? "give" : nearest + "Give") +
                                " a subcommand, a flag or a method (kvcompare --help, kvcompare presses)");
}

}  // namespace kvcompare
