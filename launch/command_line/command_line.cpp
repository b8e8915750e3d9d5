#include "launch/command_line/command_line.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "launch/command_line/completion.h"
#include "launch/command_line/config_file.h"
#include "launch/command_line/earlier_run.h"
#include "launch/command_line/flag_arguments.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/help_text.h"
#include "launch/command_line/help_topic.h"
#include "launch/command_line/manual_page.h"
#include "launch/command_line/method_list.h"
#include "launch/command_line/nearest_name.h"
#include "launch/command_line/press_flags.h"
#include "launch/command_line/subcommand_table.h"
#include "launch/command_line/sweep.h"

namespace kvcompare {
namespace {

using Arguments = std::vector<std::string>;

bool asks_for(const Arguments& arguments, std::initializer_list<const char*> spellings) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return std::find(spellings.begin(), spellings.end(), argument) != spellings.end();
  });
}

bool asks_for_help(const Arguments& arguments) { return asks_for(arguments, {"--help", "-h"}); }

// Values of the configuration file first, so that those of the command line win.
Settings read_settings(const std::vector<GivenValue>& typed, const std::vector<GivenValue>& earlier) {
  Settings settings;
  for (const GivenValue& given : earlier) apply(given, settings);
  for (const GivenValue& given : typed)
    if (given.flag->name == "config") apply(given, settings);
  if (!settings.config.empty())
    for (const GivenValue& given : read_config_file(settings.config, compare_flags())) {
      if (given.flag->name == "config")
        throw ConfigError(given.origin, "a configuration file cannot name another one");
      apply(given, settings);
    }
  for (const GivenValue& given : typed) apply(given, settings);
  return settings;
}

// --quiet is another way to write two other flags.
void apply_quiet(Settings& settings) {
  if (!settings.options.quiet) return;
  if (settings.origins.contains("log_level"))
    throw ConfigError("--quiet", "is --log_level warning and --no_progress, and contradicts --log_level " +
                                     settings.options.log_level + "; leave one of them out");
  settings.options.log_level = "warning";
  settings.options.no_progress = true;
}

// --revision is another way to write a part of a model's name.
void apply_revision(Settings& settings) {
  if (settings.revision.empty()) return;
  auto& name = settings.spec.model_name;
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored))
    throw ConfigError("--revision",
                      "is of a hub id, and --model_name " + name + " is a folder; leave one of them out");
  if (name.find('@') != std::string::npos)
    throw ConfigError("--revision", "contradicts --model_name " + name +
                                        ", which says which revision; leave one of them out");
  name += "@" + settings.revision;
}

void check_fields(const Settings& settings) {
  if (settings.spec.data_layout.empty()) return;
  for (const char* field : {"text_field", "prompt_field", "completion_field"})
    if (settings.origins.contains(field))
      throw ConfigError("--data_layout", std::string("says which fields are read, and contradicts --") +
                                             field + "; leave one of them out");
}

void check_together(const Settings& settings) {
  check_fields(settings);
  if (settings.spec.data_path.empty())
    throw ConfigError("--data_path",
                      "is missing; give a JSONL file, for example: kvcompare --model_name "
                      "./Llama-3.1-8B-Instruct --data_path texts.jsonl (more: kvcompare --help)");
  if (const auto& windows = settings.spec.perplexity_windows;
      windows && windows->n_tokens > settings.spec.max_length)
    throw ConfigError("--perplexity_windows", "asks for windows of " + std::to_string(windows->n_tokens) +
                                                  " tokens, more than --max_length " +
                                                  std::to_string(settings.spec.max_length) +
                                                  "; give shorter windows or a larger --max_length");
  if (settings.origins.contains("target_density") && settings.origins.contains("threshold"))
    throw ConfigError("--target_density",
                      "finds the threshold that --threshold gives; leave one of them out");
  const RunOptions& options = settings.options;
  if (options.num_gpus && options.device == "cpu")
    throw ConfigError("--num_gpus", "contradicts --device cpu; leave one of them out");
  for (const auto& [flag, is_set] :
       {std::pair{"retry_failed", options.retry_failed}, std::pair{"salvage", options.salvage}})
    if (is_set && !options.resume)
      throw ConfigError(std::string("--") + flag, "goes on with an earlier run; give --resume too");
  if (options.overwrite && options.resume)
    throw ConfigError("--overwrite", "removes what --resume would go on with; leave one of them out");
  if (options.num_gpus.value_or(1) > 1 && options.device.starts_with("cuda:"))
    throw ConfigError("--num_gpus",
                      "contradicts --device " + options.device + ", which is one GPU; give --device cuda");
}

// Typed flags that some method would read, but none of this run.
Arguments idle_flag_warnings(const std::vector<GivenValue>& typed, const std::vector<MethodItem>& items,
                             const std::vector<MethodSpec>& instances) {
  Arguments warnings;
  for (const GivenValue& given : typed) {
    if (!given.flag->value.assign_one) continue;
    const auto& name = given.flag->name;
    const auto use = use_of(name, items, instances);
    if (use == FlagUse::kNone)
      warnings.push_back("--" + name + " has no effect: no method of this run reads it");
    else if (use == FlagUse::kOwnOnly)
      warnings.push_back("--" + name + " has no effect: each method that reads it has its own in --methods");
  }
  return warnings;
}

// Nobody asks for a density by accident: that it would have no effect is an error.
void refuse_idle_density(const Settings& settings, const std::vector<MethodItem>& items) {
  const auto given = settings.origins.find("target_density");
  if (given == settings.origins.end()) return;
  if (use_of("target_density", items, settings.spec.methods) == FlagUse::kNone)
    throw ConfigError(given->second,
                      "finds a threshold, and no method of this run has one; name kvzap in --methods, or "
                      "give --policy threshold");
}

// Typed flags that the protocol of the run does not read.
Arguments idle_protocol_warnings(const std::vector<GivenValue>& typed, const RunSpec& spec) {
  struct Idle {
    const char* flag;
    bool is_idle;
    const char* why;
  };
  const bool is_decode = spec.protocol == ProtocolKind::kDecode;
  const std::array idle{
      Idle{"chunk_size", spec.protocol == ProtocolKind::kPrefill,
           "prefill reads the context whole and evicts once"},
      Idle{"context_length", is_decode, "decode knows no context; give --protocol prefill or generate"},
      Idle{"budget_counts", spec.protocol != ProtocolKind::kGenerate,
           "only --protocol generate has keys that a budget may leave out"}};
  Arguments warnings;
  for (const GivenValue& given : typed)
    for (const auto& [flag, is_idle, why] : idle)
      if (is_idle && given.flag->name == flag)
        warnings.push_back("--" + given.flag->name + " has no effect: " + why);
  return warnings;
}

// A method that reads scores is part of `every` only where it is told which, and cannot be named without.
void ask_for_scores(std::vector<MethodItem>& items, const Settings& settings) {
  std::erase_if(items, [&](const MethodItem& item) {
    const std::string flag(flag_of_scores(*item.method));
    if (flag.empty() || settings.lists.contains(flag)) return false;
    if (std::ranges::find(item.fixed, flag, &std::pair<std::string, std::string>::first) != item.fixed.end())
      return false;
    if (item.spelling.empty()) return true;
    throw ConfigError("--" + flag, "is missing; the method " + std::string(item.method->name) +
                                       " reads the scores of keys from a folder: give one, or several "
                                       "separated by commas (docs/your_own_method.md)");
  });
}

// earlier: given by the run that is done again; what is typed wins.
Command parse_compare(const Arguments& flags, const Arguments& arguments,
                      const std::vector<GivenValue>& earlier = {}) {
  if (asks_for_help(flags)) return ShowTextCommand{compare_help()};
  const std::vector<GivenValue> typed = match_arguments(flags, compare_flags());
  Settings settings = read_settings(typed, earlier);
  apply_quiet(settings);
  apply_revision(settings);
  check_together(settings);
  const bool names_scorer = std::ranges::any_of(place_flags(), [&](const auto& flag) {
    return !is_place_of_scores(flag) && settings.origins.contains(flag);
  });
  const bool methods_by_default = !settings.origins.contains("methods") && !names_scorer;
  const auto& named = settings.origins["methods"];
  const std::string origin = named.empty() ? "--methods" : named;
  auto items = select_methods(settings.methods, settings.included, origin);
  ask_for_scores(items, settings);
  settings.spec.methods = make_instances(items, settings, origin);
  refuse_idle_density(settings, items);
  Arguments warnings = idle_flag_warnings(typed, items, settings.spec.methods);
  std::ranges::move(idle_protocol_warnings(typed, settings.spec), std::back_inserter(warnings));
  return CompareCommand{.spec = std::move(settings.spec),
                        .options = std::move(settings.options),
                        .arguments = arguments,
                        .warnings = std::move(warnings),
                        .methods_by_default = methods_by_default};
}

Command parse_tokenize(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{tokenize_help()};
  Settings settings;
  for (const GivenValue& given : match_arguments(flags, tokenize_flags())) apply(given, settings);
  check_fields(settings);
  for (const char* required : {"tokenizer", "input", "output"})
    if (!settings.origins.contains(required))
      throw ConfigError(std::string("--") + required,
                        "is missing; give " + find_flag(tokenize_flags(), required)->value.accepted +
                            ", for example: kvcompare tokenize --tokenizer "
                            "./Llama-3.1-8B-Instruct --input texts.jsonl --output ids.jsonl");
  settings.tokenize.fields = {.text = settings.spec.text_field,
                              .prompt = settings.spec.prompt_field,
                              .completion = settings.spec.completion_field,
                              .layout = parse_data_layout(settings.spec.data_layout)};
  settings.tokenize.split = parse_text_split(settings.spec.split);
  settings.tokenize.join = settings.spec.join;
  return settings.tokenize;
}

Command parse_dump(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{dump_help()};
  Settings settings;
  settings.methods = "baseline";
  for (const GivenValue& given : match_arguments(flags, dump_flags())) apply(given, settings);
  apply_quiet(settings);
  apply_revision(settings);
  check_fields(settings);
  for (const char* required : {"data_path", "what", "output"})
    if (!settings.origins.contains(required))
      throw ConfigError(std::string("--") + required,
                        "is missing; for example: kvcompare dump --model_name ./Llama-3.2-1B --data_path "
                        "texts.jsonl --what keys --output keys (more: kvcompare dump --help)");
  if (settings.options.overwrite && settings.options.resume)
    throw ConfigError("--overwrite", "writes anew what --resume would keep; leave one of them out");
  auto items = select_methods(settings.methods);
  ask_for_scores(items, settings);
  settings.spec.methods = make_instances(items, settings);
  if (settings.spec.methods.size() > 2)
    throw ConfigError("--methods",
                      "layers are looked at under one method at a time, with one value of each "
                      "parameter; these are " +
                          std::to_string(settings.spec.methods.size() - 1));
  return DumpCommand{std::move(settings.spec), std::move(settings.options), std::move(settings.dumped),
                     std::move(settings.dumped_layers)};
}

Command parse_train_kvzap(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{train_kvzap_help()};
  Settings settings;
  for (const GivenValue& given : match_arguments(flags, train_kvzap_flags())) apply(given, settings);
  apply_quiet(settings);
  apply_revision(settings);
  check_fields(settings);
  for (const char* required : {"model_name", "data_path", "output"})
    if (!settings.origins.contains(required))
      throw ConfigError(
          std::string("--") + required,
          "is missing; for example: kvcompare train_kvzap --model_name ./Llama-3.2-1B --data_path "
          "texts.jsonl --output ./Llama-3.2-1B-kvzap (more: kvcompare train_kvzap --help)");
  if (settings.training.max_tokens < settings.training.min_tokens)
    throw ConfigError("--max_tokens",
                      "is " + std::to_string(settings.training.max_tokens) + ", less than --min_tokens " +
                          std::to_string(settings.training.min_tokens) + ": no sample would be used");
  return TrainKvzapCommand{std::move(settings.spec), std::move(settings.options),
                           std::move(settings.training)};
}

Command parse_finalize(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{finalize_help()};
  if (flags.size() != 1 || flags.front().starts_with("-"))
    throw ConfigError("finalize",
                      "give the one folder whose outputs are to be made again: kvcompare finalize OUT");
  return FinalizeCommand{flags.front()};
}

// The folder that a subcommand is about, which comes first.
std::string folder_of(const std::string& subcommand, const Arguments& flags) {
  if (flags.empty() || flags.front().starts_with("-"))
    throw ConfigError(subcommand, "give the folder of a run first: kvcompare " + subcommand + " OUT");
  return flags.front();
}

Command parse_rerun(const Arguments& flags, const Arguments& arguments) {
  if (asks_for_help(flags)) return ShowTextCommand{rerun_help()};
  const std::filesystem::path folder = folder_of("rerun", flags);
  auto earlier = flags_of_run(folder, compare_flags());
  const auto full = std::filesystem::absolute(folder).lexically_normal();  // of "." too
  const auto name = full.has_filename() ? full : full.parent_path();
  earlier.push_back({find_flag(compare_flags(), "output_dir"), "rerun", name.string() + "_rerun"});
  return parse_compare({flags.begin() + 1, flags.end()}, arguments, earlier);
}

Command parse_verify(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{verify_help()};
  Settings settings;
  settings.spec.model_name = "";
  settings.options.output_dir = folder_of("verify", flags);
  for (const GivenValue& given : match_arguments({flags.begin() + 1, flags.end()}, verify_flags()))
    apply(given, settings);
  std::map<std::string, std::vector<std::string>> scorers;
  for (const auto& flag : place_flags())
    if (auto places = settings.lists.extract(flag)) scorers.insert(std::move(places));
  return VerifyCommand{std::move(settings.spec), std::move(settings.options), std::move(scorers),
                       settings.n_recompute};
}

struct FoldersAndFlags {
  Arguments folders;
  Arguments flags;
};

// Folders come first, or behind flags that each have one value.
FoldersAndFlags folders_and_flags(const Arguments& words, const std::vector<Flag>& table) {
  const auto is_flag = [](const std::string& word) { return word.starts_with("-"); };
  const auto first_flag = std::ranges::find_if(words, is_flag);
  if (first_flag != words.begin()) return {{words.begin(), first_flag}, {first_flag, words.end()}};
  FoldersAndFlags result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_flag(words[i])) {
      result.folders.push_back(words[i]);
      continue;
    }
    result.flags.push_back(words[i]);
    const auto* flag = words[i].starts_with("--") ? find_flag(table, words[i].substr(2)) : nullptr;
    if (flag != nullptr && flag->value.kind != FlagKind::kSwitch && i + 1 < words.size())
      result.flags.push_back(words[++i]);
  }
  return result;
}

Command parse_report(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{report_help()};
  const auto [folders, others] = folders_and_flags(flags, report_flags());
  folder_of("report", folders);
  Settings settings;
  for (const GivenValue& given : match_arguments(others, report_flags())) apply(given, settings);
  ReportCommand command{.folders = {folders.begin(), folders.end()},
                        .output = std::nullopt,
                        .report_text = settings.options.report_text,
                        .at_density = std::nullopt,
                        .format = settings.report_format};
  if (settings.origins.contains("output")) command.output = settings.options.output_dir;
  if (settings.origins.contains("at_density")) command.at_density = settings.spec.at_density;
  return command;
}

Command parse_merge(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{merge_help()};
  Settings settings;
  const auto [folders, others] = folders_and_flags(flags, merge_flags());
  for (const GivenValue& given : match_arguments(others, merge_flags())) apply(given, settings);
  constexpr const char* kExample = "for example: kvcompare merge --output_dir results shard_1 shard_2";
  if (!settings.origins.contains("output_dir"))
    throw ConfigError("--output_dir",
                      std::string("is missing; give the folder of the merged run, ") + kExample);
  if (folders.empty()) throw ConfigError("merge", std::string("give the folders of all shards, ") + kExample);
  return MergeCommand{{folders.begin(), folders.end()}, std::move(settings.options)};
}

Command parse_inspect(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{inspect_help()};
  Settings settings;
  const auto [folders, others] = folders_and_flags(flags, inspect_flags());
  if (folders.size() != 1)
    throw ConfigError("inspect", "give the one folder of a run: kvcompare inspect OUT --top 20");
  for (const GivenValue& given : match_arguments(others, inspect_flags())) apply(given, settings);
  settings.inspect.folder = folders.front();
  return settings.inspect;
}

Command parse_doctor(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{doctor_help()};
  Settings settings;
  for (const GivenValue& given : match_arguments(flags, doctor_flags())) apply(given, settings);
  return DoctorCommand{settings.options.output_dir, settings.options.device};
}

Command parse_models(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{models_help()};
  if (!flags.empty()) throw ConfigError(flags.front(), "is not accepted; `kvcompare models` takes no flags");
  return ModelsCommand{};
}

Command parse_completion(const Arguments& words) {
  if (asks_for_help(words)) return ShowTextCommand{completion_help()};
  const auto shell = words.size() == 1 ? find_shell(words.front()) : std::nullopt;
  if (!shell) throw ConfigError("completion", "give one shell: kvcompare completion bash, zsh or fish");
  return ShowTextCommand{completion_script(*shell)};
}

Command parse_manual(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{manual_help()};
  if (!flags.empty()) throw ConfigError(flags.front(), "is not accepted; `kvcompare manual` takes no flags");
  return ShowTextCommand{manual_page()};
}

Command parse_presses(const Arguments& flags) {
  if (asks_for_help(flags)) return ShowTextCommand{presses_help()};
  if (!flags.empty()) throw ConfigError(flags.front(), "is not accepted; `kvcompare presses` takes no flags");
  return PressesCommand{};
}

Command parse_help(const Arguments& topics) {
  if (topics.empty() || asks_for_help(topics)) return ShowTextCommand{compare_help()};
  if (topics.size() > 1)
    throw ConfigError("help", "'" + topics[1] + "' is one topic too many; give one: kvcompare help TOPIC");
  return ShowTextCommand{help_on(topics.front())};
}

[[noreturn]] void refuse_subcommand(const std::string& name) {
  std::string listed;
  for (const std::string& known : subcommand_names()) listed += (listed.empty() ? "" : ", ") + known;
  const std::string nearest = suggestion(name, subcommand_names());
  throw ConfigError("command line", "'" + name + "' is no subcommand; " +
                                        (nearest.empty() ? "there are: " + listed + ". " : nearest) +
                                        "Flags are written --name VALUE (kvcompare --help)");
}

}  // namespace

Command parse_command_line(const Arguments& arguments) {
  if (arguments.empty() || arguments.front().starts_with("-")) {
    if (asks_for(arguments, {"--version", "-V", "-v"}))
      return VersionCommand{asks_for(arguments, {"--json"}) ? VersionFormat::kJson : VersionFormat::kText};
    return parse_compare(arguments, arguments);
  }
  const std::string& name = arguments.front();
  const Arguments flags(arguments.begin() + 1, arguments.end());
  if (name == "compare") return parse_compare(flags, arguments);
  if (name == "doctor") return parse_doctor(flags);
  if (name == "dump") return parse_dump(flags);
  if (name == "finalize") return parse_finalize(flags);
  if (name == "inspect") return parse_inspect(flags);
  if (name == "merge") return parse_merge(flags);
  if (name == "report") return parse_report(flags);
  if (name == "rerun") return parse_rerun(flags, arguments);
  if (name == "verify") return parse_verify(flags);
  if (name == "tokenize") return parse_tokenize(flags);
  if (name == "train_kvzap" || name == "train-kvzap") return parse_train_kvzap(flags);
  if (name == "completion") return parse_completion(flags);
  if (name == "manual") return parse_manual(flags);
  if (name == "models") return parse_models(flags);
  if (name == "presses") return parse_presses(flags);
  if (name == "help") return parse_help(flags);
  refuse_subcommand(name);
}

}  // namespace kvcompare
