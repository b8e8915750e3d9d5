#include "launch/command_line/subcommand_table.h"

#include "launch/command_line/flag_table.h"
#include "launch/command_line/help_text.h"

namespace kvcompare {
namespace {

constexpr Subcommand kSubcommands[] = {
    {"compare", "measure what evicting keys costs; the word may be left out", compare_help, compare_flags},
    {"completion", "print the completion of a shell", completion_help, nullptr, "bash|zsh|fish"},
    {"doctor", "what this machine has, and what is missing", doctor_help, doctor_flags},
    {"dump", "write what layers see, to try scores of your own", dump_help, dump_flags},
    {"finalize", "make the results of a run again, from its journal", finalize_help, nullptr, "FOLDER"},
    {"help", "about a subcommand, a flag or a method", compare_help, nullptr, "TOPIC"},
    {"inspect", "the tokens that each method predicts worst, in their text", inspect_help, inspect_flags,
     "FOLDER"},
    {"manual", "print the man page", manual_help, nullptr},
    {"merge", "make one run of its shards", merge_help, merge_flags, "FOLDER..."},
    {"models", "list the families of models, with their keys in config.json", models_help, nullptr},
    {"presses", "list the methods with parameters and sources", presses_help, nullptr},
    {"report", "make the page of a run again, or one page of several runs", report_help, report_flags,
     "FOLDER..."},
    {"rerun", "the same run again, into another folder", rerun_help, compare_flags, "FOLDER"},
    {"tokenize", "write the token ids of texts", tokenize_help, tokenize_flags},
    {"train_kvzap", "train a scorer for the method kvzap", train_kvzap_help, train_kvzap_flags},
    {"verify", "whether results are those that the run computed", verify_help, verify_flags, "FOLDER"}};

}  // namespace

std::span<const Subcommand> subcommands() { return kSubcommands; }

std::vector<std::string> subcommand_names() {
  std::vector<std::string> names;
  for (const Subcommand& subcommand : kSubcommands) names.emplace_back(subcommand.name);
  return names;
}

}  // namespace kvcompare
