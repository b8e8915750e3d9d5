#include "launch/command_line/flag_arguments.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>

#include "common/errors.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/flag_value.h"
#include "launch/command_line/nearest_name.h"

namespace kvcompare {
namespace {

bool is_flag(const std::string& argument) { return argument.size() > 2 && argument.starts_with("--"); }

bool is_negative_number(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-' &&
         (std::isdigit(static_cast<unsigned char>(argument[1])) || argument[1] == '.');
}

// The switch that "no_x" turns off; "no_covariance" is short for "no_use_covariance".
const Flag* negated_switch(const std::vector<Flag>& flags, const std::string& name) {
  if (!name.starts_with("no_")) return nullptr;
  for (const std::string& positive : {name.substr(3), "use_" + name.substr(3)}) {
    const Flag* flag = find_flag(flags, positive);
    if (flag != nullptr && flag->value.kind == FlagKind::kSwitch) return flag;
  }
  return nullptr;
}

[[noreturn]] void refuse_unknown(const std::string& name, const std::vector<Flag>& flags) {
  throw ConfigError("--" + name,
                    "is no known flag; " + suggestion(name, flag_names(flags), "--") + "--help lists all");
}

// One spelling for each argument: "--name" or "--name=value", with '_'. `next` is the argument after it, if
// any; taken into the result (and then to be skipped) if it is a negative number, which else looks like a
// flag.
struct Canonical {
  std::string argument;
  bool took_next = false;
};

Canonical canonical_flag(const std::string& argument, const std::string* next,
                         const std::vector<Flag>& flags) {
  const std::size_t equals = argument.find('=');
  const std::string typed = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
  const std::string name = canonical_name(typed);
  const bool has_value = equals != std::string::npos;
  if (const Flag* negated = negated_switch(flags, name)) {
    if (has_value)
      throw ConfigError("--" + typed, "takes no value; write --" + negated->name + argument.substr(equals));
    return {"--" + negated->name + "=false"};
  }
  const Flag* flag = find_flag(flags, name);
  if (flag == nullptr) refuse_unknown(typed, flags);
  const bool needs_value = flag->value.kind != FlagKind::kSwitch;
  if (has_value && equals + 1 < argument.size()) return {"--" + name + argument.substr(equals)};
  if (!has_value && next != nullptr && is_negative_number(*next)) return {"--" + name + "=" + *next, true};
  if (has_value || (needs_value && (next == nullptr || next->empty() || is_flag(*next))))
    throw ConfigError("--" + typed, "has no value; give " + flag->value.accepted);
  return {"--" + name};
}

std::vector<std::string> canonical_arguments(const std::vector<std::string>& arguments,
                                             const std::vector<Flag>& flags) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!is_flag(arguments[i])) {
      result.push_back(arguments[i]);
      continue;
    }
    const std::string* next = i + 1 < arguments.size() ? &arguments[i + 1] : nullptr;
    Canonical canonical = canonical_flag(arguments[i], next, flags);
    result.push_back(std::move(canonical.argument));
    if (canonical.took_next) ++i;
  }
  return result;
}

CLI::Option* declare(CLI::App& app, const Flag& flag) {
  CLI::Option* option = app.add_option("--" + flag.name);
  if (flag.value.kind == FlagKind::kSwitch) return option->expected(0, 1)->default_str("true");
  if (flag.value.kind == FlagKind::kList)
    return option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args();
  return option->expected(1);
}

void refuse_repeated(const std::vector<std::string>& arguments, const Flag& flag) {
  const std::string name = "--" + flag.name;
  const auto n = std::count_if(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == name || argument.starts_with(name + "=");
  });
  if (n > 1) throw ConfigError(name, "is given " + std::to_string(n) + " times; give it once");
}

}  // namespace

std::vector<GivenValue> match_arguments(const std::vector<std::string>& arguments,
                                        const std::vector<Flag>& flags) {
  std::vector<std::string> canonical = canonical_arguments(arguments, flags);
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<std::pair<const Flag*, CLI::Option*>> declared;
  for (const Flag& flag : flags) {
    refuse_repeated(canonical, flag);
    declared.emplace_back(&flag, declare(app, flag));
  }
  try {
    app.parse(
        std::vector<std::string>(canonical.rbegin(), canonical.rend()));  // CLI11 wants the last one first
  } catch (const CLI::ParseError& error) {
    throw ConfigError("command line", error.what());
  }
  for (const std::string& stray : app.remaining())
    throw ConfigError("command line", "'" + stray +
                                          "' belongs to no flag; flags are written --name VALUE, several " +
                                          "values with commas between them (0.25,0.5), and a subcommand " +
                                          "(compare, report, presses) comes first");
  std::vector<GivenValue> given;
  for (const auto& [flag, option] : declared)
    if (option->count() > 0) given.push_back({flag, "--" + flag->name, joined(option->results(), ",")});
  return given;
}

}  // namespace kvcompare
