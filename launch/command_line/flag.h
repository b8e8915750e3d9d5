// A row of the table of flags. Command line, configuration file and --help are all read from these rows.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/run/method_flags.h"
#include "launch/command_line/command.h"

namespace kvcompare {

// What the rows fill in. Default-constructed, it holds the defaults.
struct Settings {
  RunSpec spec;
  MethodFlags flags;                                      // where one value is given, or none
  std::map<std::string, std::vector<std::string>> lists;  // values of flags of methods, as given
  // Of instances whose threshold is to be found; absent: it is given.
  std::optional<double> target_density{};
  std::string revision{};  // of the model
  RunOptions options;
  std::string methods = "all";
  std::set<std::string> included;  // methods that switches of their own add
  std::filesystem::path config;
  TokenizeCommand tokenize;
  InspectCommand inspect;
  std::optional<std::int64_t> n_recompute;
  std::string report_format = ReportCommand{}.format;
  KvzapTrainingSpec training;
  std::vector<std::string> dumped;             // of DumpCommand
  std::vector<std::int64_t> dumped_layers;     // likewise
  std::map<std::string, std::string> origins;  // name of a flag: where its value was given
};

// kPresses: sections of the help that presses name.
enum class FlagGroup { kData, kMethods, kEviction, kPresses, kPrompts, kSurrogate, kMachine, kOutput };

// Decides which JSON type the configuration file must use.
enum class FlagKind { kText, kWholeNumber, kNumber, kSwitch, kList };

struct FlagValue {
  FlagKind kind;
  std::string placeholder;  // in the help: "N", "auto|cpu|cuda:N"
  std::string accepted;     // ends the error message "... is not accepted; give ..."
  std::function<bool(Settings&, const std::string&)> assign;  // false: not accepted, nothing changed
  std::function<std::string(const Settings&)> shown;          // "" if there is no value
  // Of a flag that takes several values, separated by commas: one of them. `assign` puts all into lists.
  std::function<bool(Settings&, const std::string&)> assign_one{};
  bool takes_list = false;  // in the configuration file a JSON array, too
};

struct Flag {
  std::string name;  // words joined by '_'; '-' is accepted everywhere
  FlagGroup group;
  FlagValue value;
  std::string unit;       // "tokens"; may be empty
  std::string help;       // without default and unit
  std::string absent;     // what happens without a value, if there is no default
  bool is_path = false;   // ~ and $VAR count in the configuration file, which no shell reads
  std::string section{};  // title in the help; of FlagGroup::kPresses only
};

// A value for a flag, and where it was given: "--seed" or "run.json:3: seed".
struct GivenValue {
  const Flag* flag;
  std::string origin;
  std::string text;
};

// Throws ConfigError naming origin, value and what is accepted.
void apply(const GivenValue& given, Settings& settings);

// '-' as '_'.
std::string canonical_name(std::string_view name);

}  // namespace kvcompare
