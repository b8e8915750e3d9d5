#include "launch/help_text.h"

#include <array>
#include <utility>
#include <vector>

#include "common/version.h"
#include "launch/flag_table.h"
#include "launch/wrapped_text.h"

namespace kvcompare {
namespace {

constexpr std::size_t kFlagColumn = 34;

constexpr std::array<std::pair<FlagGroup, const char*>, 8> kGroupTitles{{
    {FlagGroup::kData, "Model and data"},
    {FlagGroup::kMethods, "Methods"},
    {FlagGroup::kEviction, "Eviction"},
    {FlagGroup::kKvzap, "KVzap"},
    {FlagGroup::kPrompts, "Prompts"},
    {FlagGroup::kSurrogate, "Surrogate"},
    {FlagGroup::kMachine, "Machine"},
    {FlagGroup::kOutput, "Output"},
}};

constexpr const char* kUsage =
    R"(kvcompare measures what evicting keys from the KV cache of a language model costs: perplexity and
kept keys of several compression methods on one data set.

Usage
  kvcompare [compare] --data_path FILE.jsonl [--model_name FOLDER|ID] [FLAGS]
  kvcompare tokenize --tokenizer FOLDER --input F.jsonl --output G.jsonl
  kvcompare train_kvzap --model_name FOLDER|ID --data_path FILE.jsonl --output FOLDER
                                 train a scorer for the method kvzap
  kvcompare doctor               what this machine has, and what is missing
  kvcompare finalize OUT         make the results of a run again, from its journal
  kvcompare verify OUT           whether results are those that the run computed
  kvcompare rerun OUT            the same run again, into another folder
  kvcompare presses              list the methods with parameters and sources
  kvcompare help TOPIC           about a subcommand, a flag or a method: kvcompare help chunk_size
  kvcompare --help | --version   or -h | -v, -V

In names '-' and '_' are the same: --data-path is --data_path. A switch may stand alone
(--use_covariance), take a value (--use_covariance false), or be negated (--no_use_covariance).

Examples
  All methods but ObservedAttention, evicting after every token:
    kvcompare --model_name ./Llama-3.1-8B-Instruct --data_path texts.jsonl

  Three methods, evicting after every 128 tokens (a budget with a buffer of 128 tokens; not faster):
    kvcompare --model_name ./Llama-3.1-8B-Instruct --data_path texts.jsonl \
              --methods random,streaming_llm,kvzap --chunk_size 128

  Really all methods:
    kvcompare --model_name ./Llama-3.1-8B-Instruct --data_path texts.jsonl \
              --methods all --include_observed_attention

  A small trial:
    kvcompare --model_name ./Llama-3.2-1B --data_path texts.jsonl --methods streaming_llm,knorm \
              --max_samples 2 --max_length 512 --chunk_size 64

)";

constexpr const char* kResults = R"(Results
  The table goes to stdout, log and progress to stderr. In the output folder:
  summary.md                     the comparison to read, with intervals
  results.csv, samples.csv       a row a method with its parameters; a row a sample under a method
  table.tex                      the table for a paper
  comparison_summary.json        each method against the baseline
  detailed_results.json          configuration, key counts, every sample
  results.h5                     the same and more, as arrays: by head, by position, by token
  run.json                       dates, hosts, versions, timings
  journal.jsonl                  every unit as it was evaluated: what --resume goes on from
  COMPLETE                       is there when all of the above is

Exit codes
  0  complete                    4  output cannot be written
  1  internal error              5  bad data set, tokenizer or model
  2  usage or configuration      6  finished, but some evaluations failed for good
  3  output folder in use       75  interrupted; run again with --resume to continue
)";

std::string explanation(const Flag& flag) {
  const std::string value = flag.value.shown(Settings{});
  std::string bracket = value.empty() ? flag.absent : value;
  const std::string what = value.empty() && flag.absent == "required" ? "" : "default: ";
  const std::string unit = flag.unit.empty() || value.empty() ? "" : " " + flag.unit;
  const std::string unit_alone = flag.unit.empty() || !value.empty() ? "" : " (" + flag.unit + ")";
  return flag.help + unit_alone + " [" + what + bracket + unit + "]";
}

std::string lines_by_group(const std::vector<Flag>& flags) {
  std::string text;
  for (const auto& [group, title] : kGroupTitles) {
    std::string lines;
    for (const Flag& flag : flags)
      if (flag.group == group) lines += flag_lines(flag);
    if (!lines.empty()) text += std::string(title) + "\n" + lines + "\n";
  }
  return text;
}

}  // namespace

std::string flag_lines(const Flag& flag) {
  return labelled("--" + flag.name + " " + flag.value.placeholder, explanation(flag), kFlagColumn);
}

std::string compare_help() { return kUsage + lines_by_group(compare_flags()) + kResults; }

std::string tokenize_help() {
  return "kvcompare tokenize writes the token ids of each text of a JSONL file, with the special tokens\n"
         "that the tokenizer adds by itself. The output is a data set for kvcompare.\n\n"
         "Usage\n  kvcompare tokenize --tokenizer FOLDER --input F.jsonl --output G.jsonl\n\n" +
         lines_by_group(tokenize_flags());
}

std::string train_kvzap_help() {
  return R"(kvcompare train_kvzap trains the surrogate by which the method kvzap scores keys (arXiv 2601.07891),
for a model that has none. The model reads each text twice; how much a key is attended to the second
time is what the surrogate learns to predict. Held-out R2 of each layer on stdout. How and why:
docs/train_kvzap.md

Usage
  [mpirun -n N] kvcompare train_kvzap --model_name FOLDER|ID --data_path FILE.jsonl
                                      --output FOLDER [--kvzap_model_type mlp|linear] [FLAGS]
  kvcompare --methods kvzap --kvzap_scorer_model FOLDER ...      uses it

)" + lines_by_group(train_kvzap_flags());
}

std::string finalize_help() {
  return "kvcompare finalize OUT writes all results of a run into its folder OUT again, from "
         "OUT/journal.jsonl\n"
         "alone. Units that are missing are not evaluated: that is what kvcompare --resume does.\n";
}

std::string verify_help() {
  return "kvcompare verify OUT checks the results in the folder OUT of a run: the hashes of the files "
         "against "
         "those\n"
         "that the run wrote down, and against what its journal gives. With --recompute it evaluates "
         "samples\n"
         "again and compares them with the journal: to the last bit where the arithmetic is that of the run, "
         "else "
         "up\n"
         "to a relative difference of 1e-3 in the NLL of a sample. Exit code 5 if something does not "
         "agree.\n\n"
         "Usage\n  kvcompare verify OUT [--recompute N] [FLAGS]\n\n" +
         lines_by_group(verify_flags());
}

std::string rerun_help() {
  return "kvcompare rerun OUT [FLAGS] does the run in the folder OUT again, with the configuration in\n"
         "OUT/detailed_results.json, and model and data where OUT/run.json says they were. All flags of "
         "kvcompare\n"
         "are taken and win. Results go to OUT_rerun, unless --output_dir says otherwise; where inputs and\n"
         "arithmetic are the same, so are the bytes.\n";
}

std::string report_help() {
  return "kvcompare report OUT makes what people look at once more, from the journal in the folder OUT of a\n"
         "complete run: report.html, summary.md, results.csv, samples.csv, table.tex, and the table on\n"
         "stdout. Of several folders it makes one page that shows them side by side, for example of several\n"
         "models or data sets, and says what cannot be compared between them.\n\n"
         "Usage\n  kvcompare report OUT... [--output FOLDER] [FLAGS]\n\n" +
         lines_by_group(report_flags());
}

std::string doctor_help() {
  return "kvcompare doctor tells what of this machine the program can use, and what is missing. Under mpirun "
         "one\n"
         "table for all ranks. Exit code 2 if something is wrong that the main job needs.\n\n"
         "Usage\n  [mpirun -n N] kvcompare doctor [--output_dir FOLDER] [--device auto|cpu|cuda:N]\n\n" +
         lines_by_group(doctor_flags());
}

std::string presses_help() {
  return "kvcompare presses lists every method with its policy, parameters and source. It takes no flags.\n";
}

std::string version_text() { return std::string("kvcompare ") + kVersion + "\n"; }

}  // namespace kvcompare
