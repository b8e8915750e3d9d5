// What the command line asks for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/data/text_fields.h"
#include "common/run/kvzap_training_spec.h"
#include "common/run/run_options.h"
#include "common/run/run_spec.h"
#include "common/text_split.h"

namespace kvcompare {

// The main job. `spec` is complete but for what only the model and the machine can tell (dtype, device_type).
struct CompareCommand {
  RunSpec spec;
  RunOptions options;
  std::vector<std::string> arguments;  // as typed, without the program's name
  std::vector<std::string> warnings;   // for the log
  bool methods_by_default = false;     // neither methods nor a scorer were named: see runnable_methods.h
};

struct TokenizeCommand {
  std::filesystem::path tokenizer;  // folder with tokenizer.json
  std::filesystem::path input;      // or several: data_files()
  std::filesystem::path output;
  TextFields fields{};
  std::optional<TextSplit> split{};
  std::optional<std::string> join{};
};

// Of `spec` model_name, data_path and how it is read, dtype and seed count.
struct TrainKvzapCommand {
  RunSpec spec;
  RunOptions options;
  KvzapTrainingSpec training;
};

// Of `spec` all but at_density counts; its last method is that under which layers are looked at.
struct DumpCommand {
  RunSpec spec;
  RunOptions options;
  std::vector<std::string> what{};     // of hidden, queries, keys, values, each once
  std::vector<std::int64_t> layers{};  // all of the model if empty
};

struct FinalizeCommand {
  std::filesystem::path output_dir;
};

// Of `options` output_dir, overwrite and allow_mixed_hardware count.
struct MergeCommand {
  std::vector<std::filesystem::path> folders;  // of shards; at least one
  RunOptions options;
};

// Of `spec` the places of model, data and scorer count: empty where the run's own are to be looked at. Of
// `options` the folder, threads and workers.
struct VerifyCommand {
  RunSpec spec;
  RunOptions options;
  // Places of trained scorers by the flag that gives them, in the order of the run's; none: where they were.
  std::map<std::string, std::vector<std::string>> scorers{};
  std::optional<std::int64_t> n_recompute;  // samples; none if absent
};

struct ReportCommand {
  std::vector<std::filesystem::path> folders;     // of runs that are complete; at least one
  std::optional<std::filesystem::path> output;    // the run's own, or comparison_report, if absent
  bool report_text = false;                       // the page shows the first words of texts
  std::optional<std::vector<double>> at_density;  // those of each run if absent
  std::string format = "files";                   // files | llama-perplexity: print that, and write nothing
};

struct InspectCommand {
  std::filesystem::path folder;           // of a run that is complete
  std::int64_t n_tokens = 20;             // of each instance
  std::optional<std::string> instance{};  // label; all if absent
  std::filesystem::path tokenizer{};      // folder with tokenizer.json; that of the model if empty
};

struct DoctorCommand {
  std::filesystem::path output_dir = RunOptions{}.output_dir;
  std::string device = RunOptions{}.device;
};

struct ModelsCommand {};

struct PressesCommand {};

// --version, and with --json for other programs
enum class VersionFormat { kText, kJson };

struct VersionCommand {
  VersionFormat format = VersionFormat::kText;
};

// --help
struct ShowTextCommand {
  std::string text;
};

using Command = std::variant<CompareCommand, DoctorCommand, DumpCommand, FinalizeCommand, InspectCommand,
                             MergeCommand, ReportCommand, TokenizeCommand, TrainKvzapCommand, VerifyCommand,
                             ModelsCommand, PressesCommand, VersionCommand, ShowTextCommand>;

}  // namespace kvcompare
