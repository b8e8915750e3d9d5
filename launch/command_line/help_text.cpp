#include "launch/command_line/help_text.h"

#include <vector>

#include "launch/command_line/flag_sections.h"
#include "launch/command_line/flag_table.h"
#include "launch/command_line/wrapped_text.h"

namespace kvcompare {
namespace {

constexpr std::size_t kFlagColumn = 34;

constexpr const char* kUsage =
    R"(kvcompare measures what evicting keys from the KV cache of a language model costs: perplexity and
kept keys of several compression methods, at one setting or many, on one data set.

Usage
  kvcompare [compare] --data_path FILE.jsonl [--model_name FOLDER|ID] [FLAGS]
  kvcompare tokenize --tokenizer FOLDER --input F.jsonl --output G.jsonl
  kvcompare train_kvzap --model_name FOLDER|ID --data_path FILE.jsonl --output FOLDER
                                 train a scorer for the method kvzap
  kvcompare dump --model_name FOLDER|ID --data_path FILE.jsonl --what keys --output FOLDER
                                 write what layers see, to try scores of your own
  kvcompare doctor               what this machine has, and what is missing
  kvcompare finalize OUT         make the results of a run again, from its journal
  kvcompare merge OUT...         make one run of its shards (--shard)
  kvcompare report OUT...        make the page of a run again, or one page of several runs
  kvcompare inspect OUT          the tokens that each method predicts worst, in their text
  kvcompare verify OUT           whether results are those that the run computed
  kvcompare rerun OUT            the same run again, into another folder
  kvcompare models               list the families of models, with their keys in config.json
  kvcompare presses              list the methods with parameters and sources
  kvcompare completion SHELL     completion of commands and flags, for bash, zsh or fish
  kvcompare manual               all of this as a man page: kvcompare manual | man -l -
  kvcompare help TOPIC           about a subcommand, a flag or a method: kvcompare help chunk_size
  kvcompare --help               or -h
  kvcompare --version [--json]   or -v, -V: commit, compiler, libraries, instruction sets

In names '-' and '_' are the same: --data-path is --data_path. A switch may stand alone
(--use_covariance), take a value (--use_covariance false), or be negated (--no_use_covariance).

A parameter of a method takes several values, with commas between. The method then runs once for
every combination of the values that it uses. A method with its parameters is an instance.

Examples
  Which method at which setting? Every usual method at four ratios, evicting after every token:
    kvcompare --model_name ./Llama-3.1-8B-Instruct --data_path texts.jsonl \
              --compression_ratio 0.25,0.5,0.75,0.9 --output_dir sweep

  KVzap at three thresholds, and one setting of StreamingLLM beside it:
    kvcompare --model_name ./Llama-3.1-8B-Instruct --data_path texts.jsonl --threshold -8,-6,-4 \
              --methods kvzap,streaming_llm:n_sink=8:compression_ratio=0.9

  Let the first run grow by a ratio; what is there is not evaluated again:
    kvcompare --model_name ./Llama-3.1-8B-Instruct --data_path texts.jsonl \
              --compression_ratio 0.25,0.5,0.75,0.9,0.95 --output_dir sweep --resume

  A small trial, evicting after every 64 tokens (a budget with a buffer of 64 tokens; not faster):
    kvcompare --model_name ./Llama-3.2-1B --data_path texts.jsonl --methods streaming_llm,knorm \
              --max_samples 8 --max_length 512 --chunk_size 64

)";

constexpr const char* kResults = R"(Results
  The table goes to stdout, log and progress to stderr. In the output folder:
  report.html                    the comparison to look at: open it in a browser
  summary.md                     the comparison to read, with intervals
  results.csv, samples.csv       a row an instance; a row a sample under an instance
  table.tex                      the table for a paper
  comparison_summary.json        each instance against the baseline, at equal density, in pairs
  detailed_results.json          configuration, key counts, every sample
  results.h5                     the same and more, as arrays: by head, by position, by token
  run.json                       dates, hosts, versions, timings
  journal.jsonl                  every unit as it was evaluated: what --resume goes on from
  COMPLETE                       is there when all of the above is
  LOCK                           who writes here

Exit codes
  0  complete                    4  output cannot be written
  1  internal error              5  bad data set, tokenizer or model
  2  usage or configuration      6  finished, but some evaluations failed for good
  3  output folder in use       75  interrupted; run again with --resume to continue
)";

}  // namespace

std::string flag_lines(const Flag& flag) {
  return labelled("--" + flag.name + " " + flag.value.placeholder, explanation(flag), kFlagColumn);
}

std::string lines_by_section(const std::vector<Flag>& flags) {
  std::string text;
  for (const auto& [title, of_section] : sections_of(flags)) {
    text += title + "\n";
    for (const Flag* flag : of_section) text += flag_lines(*flag);
    text += "\n";
  }
  return text;
}

std::string compare_help() { return kUsage + lines_by_section(compare_flags()) + kResults; }

std::string tokenize_help() {
  return "kvcompare tokenize writes the token ids of each text of a JSONL file, with the special tokens\n"
         "that the tokenizer adds by itself. The output is a data set for kvcompare.\n\n"
         "Usage\n  kvcompare tokenize --tokenizer FOLDER --input F.jsonl --output G.jsonl\n\n" +
         lines_by_section(tokenize_flags());
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

)" + lines_by_section(train_kvzap_flags());
}

std::string dump_help() {
  return R"(kvcompare dump writes what the layers of a model see of each sample, as scorers are shown it:
a file OUTPUT/sample_000012.safetensors for the sample 12 of the data set. Another program makes
scores of them, and kvcompare --methods external --external_scores FOLDER evicts by these.
The whole way, in Python: docs/your_own_method.md

Usage
  kvcompare dump --model_name FOLDER|ID --data_path FILE.jsonl --what hidden,queries,keys,values
                 --output FOLDER [--layers 0,5] [FLAGS]

)" + lines_by_section(dump_flags());
}

std::string finalize_help() {
  return R"(kvcompare finalize OUT writes all results of a run into its folder OUT again, from OUT/journal.jsonl
alone. Units that are missing are not evaluated: that is what kvcompare --resume does.
)";
}

std::string verify_help() {
  return R"(kvcompare verify OUT checks the results in the folder OUT of a run: the hashes of the files against
those that the run wrote down, and against what its journal gives. report.html and run.json hold
dates; they are not checked. With --recompute it evaluates samples again and compares them with the
journal: to the last bit where the arithmetic is that of the run, else up to a relative difference
of 1e-3 in the NLL of a sample. Exit code 5 if something does not agree.

Usage
  kvcompare verify OUT [--recompute N] [FLAGS]

)" + lines_by_section(verify_flags());
}

std::string rerun_help() {
  return R"(kvcompare rerun OUT [FLAGS] does the run in the folder OUT again, with the configuration in
OUT/detailed_results.json, and model, data and scorers where OUT/run.json says they were. All flags
of kvcompare are taken and win. Results go to OUT_rerun, unless --output_dir says otherwise; where
inputs and arithmetic are the same, so are the bytes.
)";
}

std::string report_help() {
  return R"(kvcompare report OUT makes what people look at once more, from the journal in the folder OUT of a
complete run: report.html, summary.md, results.csv, samples.csv, table.tex, and the table on stdout.
Of several folders it makes one page that shows them side by side, for example of several models or
data sets, and says what cannot be compared between them.

Usage
  kvcompare report OUT... [--output FOLDER] [FLAGS]
  kvcompare report --format llama-perplexity OUT

)" + lines_by_section(report_flags());
}

std::string inspect_help() {
  return R"(kvcompare inspect OUT shows where a method hurts: the scored tokens with the largest ΔNLL, each in
its text, for every method of the complete run in the folder OUT. The run must have been made with
--save_token_nll and --save_tokens.

Usage
  kvcompare inspect OUT [--top N] [--instance LABEL] [--tokenizer FOLDER]

)" + lines_by_section(inspect_flags());
}

std::string doctor_help() {
  return R"(kvcompare doctor tells what of this machine the program can use, and what is missing. Under mpirun
one table for all ranks. Exit code 2 if something is wrong that the main job needs.

Usage
  [mpirun -n N] kvcompare doctor [--output_dir FOLDER] [--device auto|cpu|cuda:N]

)" + lines_by_section(doctor_flags());
}

std::string completion_help() {
  return R"(kvcompare completion bash|zsh|fish prints what lets a shell complete subcommands, flags and their
values. An installed kvcompare has it already; for a program that you have built, once a shell:

  bash    source <(kvcompare completion bash)
  zsh     source <(kvcompare completion zsh)          after compinit
  fish    kvcompare completion fish | source
)";
}

std::string manual_help() {
  return "kvcompare manual prints the man page, made of the help of every subcommand: kvcompare manual | man "
         "-l -\n";
}

std::string merge_help() {
  return R"(kvcompare merge makes one run of its shards. A shard is a run with --shard I/N into a folder of its own:

  kvcompare ... --shard 1/2 --output_dir shard_1
  kvcompare ... --shard 2/2 --output_dir shard_2
  kvcompare merge --output_dir results shard_1 shard_2

The results are those of one run of all samples, byte for byte, but for run.json and report.html, which
hold dates. All shards must be complete, and of the same model, data and flags. Their folders stay as
they are. The merged run may grow by kvcompare --resume.

Usage
  kvcompare merge --output_dir FOLDER OUT... [FLAGS]

)" + lines_by_section(merge_flags());
}

std::string models_help() {
  return "kvcompare models lists every family of models with the keys of config.json that are read, and what "
         "is "
         "refused. It takes no flags.\n";
}

std::string presses_help() {
  return "kvcompare presses lists every method with its policy, parameters and source. It takes no flags.\n";
}

}  // namespace kvcompare
