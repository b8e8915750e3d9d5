#include "launch/command_line/flag_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "common/log.h"
#include "common/run/found_threshold.h"
#include "launch/command_line/flag_value.h"
#include "launch/command_line/press_flags.h"
#include "launch/command_line/replaced.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kMostSamples = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kMostSeed = std::numeric_limits<std::uint64_t>::max();
constexpr int kMostThreads = 4096;
constexpr int kMostGpus = 1024;
constexpr int kMostSeconds = 1000000;

// Sections of the help, as presses name them too.
constexpr std::string_view kMethodSection = "Methods", kEvictionSection = "Eviction";

void append(std::vector<Flag>& flags, const std::vector<Flag>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
}

bool is_ratio(double value) { return value >= 0 && value < 1; }
bool is_any(double) { return true; }
bool is_at_least_one(double value) { return value >= 1; }
bool is_share_or_bound(double value) { return value >= 0 && value <= 1; }
bool is_density(double value) { return value > 0 && value <= 1; }

bool is_device(const std::string& given) {
  const std::string cuda = "cuda:";
  return given == "auto" || given == "cpu" || given == "cuda" ||
         (given.starts_with(cuda) && parse_whole<int>(given.substr(cuda.size()), 0, kMostGpus - 1));
}

FlagValue device() {
  return {FlagKind::kText, "auto|cpu|cuda:N", "auto, cpu, cuda or cuda:N with N from 0",
          [](Settings& settings, const std::string& given) {
            if (is_device(given)) settings.options.device = given;
            return is_device(given);
          },
          [](const Settings& settings) { return settings.options.device; }};
}

// The names that checkpoints and results have, and those that people have.
std::optional<Dtype> dtype_of(const std::string& given) {
  static const std::map<std::string, Dtype> spellings{{"fp64", Dtype::kFloat64},  {"double", Dtype::kFloat64},
                                                      {"fp32", Dtype::kFloat32},  {"float", Dtype::kFloat32},
                                                      {"bf16", Dtype::kBFloat16}, {"fp16", Dtype::kFloat16},
                                                      {"half", Dtype::kFloat16}};
  const auto found = spellings.find(given);
  return found == spellings.end() ? parse_dtype(given) : found->second;
}

FlagValue dtype() {
  return {FlagKind::kText, "auto|float64|float32|bfloat16|float16",
          "auto, float64 (fp64, double), float32 (fp32, float), bfloat16 (bf16) or float16 (fp16, half)",
          [](Settings& settings, const std::string& given) {
            const std::optional<Dtype> parsed = dtype_of(given);
            if (parsed || given == "auto") settings.spec.dtype = parsed;
            return parsed || given == "auto";
          },
          [](const Settings& settings) {
            return settings.spec.dtype ? to_string(*settings.spec.dtype) : "auto";
          }};
}

FlagValue protocol() {
  return {FlagKind::kText, "decode|prefill|generate", "decode, prefill or generate",
          [](Settings& settings, const std::string& given) {
            const auto parsed = parse_protocol(given);
            if (parsed) settings.spec.protocol = *parsed;
            return parsed.has_value();
          },
          [](const Settings& settings) { return to_string(settings.spec.protocol); }};
}

FlagValue budget_counts() {
  return {FlagKind::kText, "all|generated", "all or generated",
          [](Settings& settings, const std::string& given) {
            const auto parsed = parse_budget_counts(given);
            if (parsed) settings.spec.budget_counts = *parsed;
            return parsed.has_value();
          },
          [](const Settings& settings) { return to_string(settings.spec.budget_counts); }};
}

FlagValue shard() {
  return {FlagKind::kText, "I/N", "I/N, shard I of N, with 1 <= I <= N: 1/4 is the first of four",
          [](Settings& settings, const std::string& given) {
            const auto parsed = parse_shard(given);
            if (parsed) settings.options.shard = parsed;
            return parsed.has_value();
          },
          [](const Settings& settings) {
            return settings.options.shard ? to_string(*settings.options.shard) : "";
          }};
}

FlagValue context_length() {
  return {FlagKind::kText, "N|all", "a whole number from 1 to " + std::to_string(kMostTokens) + ", or all",
          [](Settings& settings, const std::string& given) {
            const auto parsed = given == "all" ? std::optional(kWholeSample)
                                               : parse_whole(given, std::int64_t{1}, kMostTokens);
            if (parsed) settings.spec.context_length = parsed;
            return parsed.has_value();
          },
          [](const Settings& settings) {
            const auto& length = settings.spec.context_length;
            return length ? context_length_text(*length) : "";
          }};
}

// "1GiB", or bytes where no unit divides them.
std::string size_text(std::int64_t bytes) {
  for (const auto& [name, shift] : {std::pair{"GiB", 30}, {"MiB", 20}, {"KiB", 10}})
    if (bytes > 0 && bytes % (std::int64_t{1} << shift) == 0) return std::to_string(bytes >> shift) + name;
  return std::to_string(bytes);
}

enum class Nothing { kRefused, kAccepted };

// Member: bytes, or an optional of them.
template <class Member>
FlagValue memory(Member RunOptions::*member, Nothing nothing) {
  const bool takes_none = nothing == Nothing::kAccepted;
  return {FlagKind::kText, "SIZE",
          std::string("a size such as 2GiB, 500MB or ") + (takes_none ? "0" : "4096 (bytes)"),
          [member, takes_none](Settings& settings, const std::string& given) {
            const auto bytes =
                takes_none && given == "0" ? std::optional<std::int64_t>(0) : parse_bytes(given);
            if (bytes) settings.options.*member = *bytes;
            return bytes.has_value();
          },
          [member](const Settings& settings) {
            const std::optional<std::int64_t> bytes = settings.options.*member;
            return bytes ? size_text(*bytes) : "";
          }};
}

bool is_share(double value) { return value > 0 && value < 1; }
bool is_positive(double value) { return value > 0; }

// New lines are written \n, on the command line and in the help.
FlagValue repeat_prompt() {
  return {FlagKind::kText, "TEXT", "a text, in which \\n is a new line, or none",
          [](Settings& settings, const std::string& given) {
            settings.training.repeat_prompt = given == "none" ? "" : replaced(given, "\\n", "\n");
            return true;
          },
          [](const Settings& settings) {
            const auto& prompt = settings.training.repeat_prompt;
            return prompt.empty() ? "none" : replaced(prompt, "\n", "\\n");
          }};
}

FlagValue log_level() {
  std::string names;
  for (const std::string& name : log_level_names()) names += (names.empty() ? "" : "|") + name;
  return {FlagKind::kText, names, "one of " + names,
          [](Settings& settings, const std::string& given) {
            if (is_log_level(given)) settings.options.log_level = given;
            return is_log_level(given);
          },
          [](const Settings& settings) { return settings.options.log_level; }};
}

FlagValue method_list() {
  FlagValue value = text(&Settings::methods, "A,B,...", "names separated by commas, see `kvcompare presses`");
  value.kind = FlagKind::kList;
  return value;
}

FlagValue target_density() {
  return {FlagKind::kNumber, "X", "a number above 0 and below 1 (the share of the keys that queries read)",
          [](Settings& settings, const std::string& given) {
            const auto parsed = parse_finite(given);
            if (!parsed || !is_share(*parsed)) return false;
            settings.target_density = *parsed;
            return true;
          },
          [](const Settings& settings) { return shortest(settings.target_density); }};
}

// A parameter of methods, which takes several values.
Flag sweep(const char* name, FlagGroup group, FlagValue one, std::string unit, std::string help) {
  return {name, group, listed(name, std::move(one)), std::move(unit), std::move(help), ""};
}

// A field of the data, whose usual name is `usual`.
Flag field_flag(const char* name, std::optional<std::string> RunSpec::*pointer, const char* usual,
                std::string help) {
  auto value = text(pointer, "KEY", "a key of the JSON objects");
  value.shown = [=](const Settings& settings) { return (settings.spec.*pointer).value_or(usual); };
  return {name, FlagGroup::kData, value, "", std::move(help), ""};
}

std::vector<Flag> field_flags() {
  return {field_flag(
              "text_field", &RunSpec::text_field, "text",
              "Key that holds the text in each line of the data set. A line may hold `input_ids` (token ids) "
              "instead. Of a line with both, the text is used if this flag is given, else the ids."),
          field_flag("prompt_field", &RunSpec::prompt_field, "prompt",
                     "Key that holds the prompt, in lines of a prompt and a completion."),
          field_flag("completion_field", &RunSpec::completion_field, "completion",
                     "Key that holds the completion, whose tokens alone are scored; of a list of texts the "
                     "first."),
          {"data_layout", FlagGroup::kData, choice(&RunSpec::data_layout, {"ruler", "longbench", "scbench"}),
           "", "The data are files of this benchmark: prompts and scored answers are made of its fields.",
           "the fields above"}};
}

// How what is read becomes samples.
std::vector<Flag> shape_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kData;
  auto join = text(&RunSpec::join, "TEXT", "a text, in which \\n is a new line");
  join.assign = [](Settings& settings, const std::string& given) {
    settings.spec.join = replaced(given, "\\n", "\n");
    return true;
  };
  join.shown = [](const Settings& settings) {
    return settings.spec.join ? replaced(*settings.spec.join, "\n", "\\n") : "";
  };
  return {
      {"split", kGroup, choice(&RunSpec::split, {"packed", "file", "blank_line", "line"}), "",
       "Read the data set as plain text. file: each file is a sample. blank_line: blank lines stand "
       "between samples. line: each line is a sample. packed: all tokens of a file, cut into samples of "
       "--max_length.",
       "packed for names in .txt, .text or .md"},
      {"join", kGroup, join, "",
       "Join the texts of all lines by this text, and cut samples of --max_length tokens from the whole, "
       "as WikiText needs, which has a line in each row.",
       "none"},
      {"min_length", kGroup, whole_number(&RunSpec::min_length, std::int64_t{0}, kMostTokens), "tokens",
       "Leave out shorter samples.", ""},
      {"shuffle_seed", kGroup,
       whole_number(&RunSpec::shuffle_seed, std::int64_t{0}, std::numeric_limits<std::int64_t>::max()), "",
       "Take the samples in a random order, which this seed decides; with --max_samples a random part of "
       "the data set. All of it is read.",
       "the order of the data"}};
}

FlagValue perplexity_windows() {
  return {FlagKind::kText, "W:S", "W:S, windows of W tokens at a stride of S, with 2 <= W and 1 <= S <= W",
          [](Settings& settings, const std::string& given) {
            const auto windows = parse_windows(given);
            if (windows) settings.spec.perplexity_windows = windows;
            return windows.has_value();
          },
          [](const Settings& settings) -> std::string {
            const auto& windows = settings.spec.perplexity_windows;
            return windows ? to_string(*windows) : "";
          }};
}

std::vector<Flag> data_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kData;
  std::vector<Flag> flags{
      {"config", kGroup, text(&Settings::config, "FILE.json", "a JSON file"), "",
       "Values for any of these flags: a JSON object whose keys are their names. The command line wins. In "
       "its "
       "paths ~ is the home folder, and $VAR or ${VAR} an environment variable.",
       "none"},
      {"model_name", kGroup, text(&RunSpec::model_name, "FOLDER|ID", "a folder or a hub id"), "",
       "Model: a folder with config.json, tokenizer.json and *.safetensors, or a hub id that the Hugging "
       "Face "
       "cache holds (HF_HOME, HF_HUB_CACHE), also as org/name@revision.",
       "", true},
      {"revision", kGroup, text(&Settings::revision, "NAME", "a branch, a tag or a commit"), "",
       "Which revision of the model, if --model_name is a hub id: a branch, a tag, or all digits of a "
       "commit.",
       "main"},
      {"data_path", kGroup,
       text(&RunSpec::data_path, "FILE,...", "a file, several with commas, a pattern, or -"), "",
       "Data set: JSON Lines (one JSON object a line, each a sample), a JSON array, or plain text, each also "
       "compressed with gzip or zstd; Parquet; several files with commas between them, a quoted pattern "
       "such as 'texts/*.jsonl.gz', or - for standard input.",
       "required", true},
  };
  append(flags, field_flags());
  append(flags, shape_flags());
  append(
      flags,
      {
          {"max_length", kGroup, whole_number(&RunSpec::max_length, std::int64_t{2}, kMostTokens), "tokens",
           "Longer samples are truncated.", ""},
          {"max_samples", kGroup, whole_number(&RunSpec::max_samples, std::int64_t{1}, kMostSamples),
           "samples", "Only the first samples of the data set.", "all"},
          {"perplexity_windows", kGroup, perplexity_windows(), "tokens",
           "Cut each text into windows of W tokens that begin S tokens apart, and score of each the tokens "
           "that no window "
           "before it scored, as published perplexities of WikiText are computed. The windows are the "
           "samples.",
           "none"},
          {"skip_bad_lines", kGroup, on_off(&RunSpec::skip_bad_lines), "",
           "Leave out lines of the data set that are no sample, and list them, instead of refusing them.",
           ""},
          {"chunk_size", kGroup, whole_number(&RunSpec::chunk_size, std::int64_t{1}, kMostTokens), "tokens",
           "Tokens between two evictions: the interval of eviction, exactly. 1: an eviction after every "
           "token. "
           "128: a budget with a buffer of 128 tokens, as R-KV and TensorRT-LLM evict while they generate. "
           "No "
           "value "
           "is faster; at the length of a sample evictions no longer matter.",
           ""},
          {"protocol", kGroup, protocol(), "",
           "decode: an event, at which keys are evicted, after every chunk of the sample. prefill: the "
           "context is read whole, with one event at its end, as published tables do; then token by token "
           "without events, whatever the chunk size. generate: the context is read whole and never evicted; "
           "then an event after every chunk.",
           ""},
          {"context_length", kGroup, context_length(), "tokens",
           "prefill, generate: the first tokens of every sample that are its context. all: the whole sample.",
           "as the data says, or all"},
          {"budget_counts", kGroup, budget_counts(), "",
           "generate: whether a budget counts all keys, or those after the context only.", ""},
      });
  return flags;
}

// The switches of presses come behind --methods, which they add to.
std::vector<Flag> method_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kMethods;
  std::vector<Flag> flags{
      {"methods", kGroup, method_list(), "",
       "Methods, any spelling that `kvcompare presses` shows; also with parameters of their own: "
       "streaming_llm:n_sink=8:compression_ratio=0.9. `all` is " +
           names_of_all() +
           "; `every` is each method that there is. If this flag is not given, all run but " +
           names_with_trained_scorer() +
           " where it has no scorer for the model. The baseline is always run, first.",
       ""}};
  append(flags, include_flags(kGroup));
  append(flags, {{"policy", kGroup, choice(&MethodFlags::policy, {"auto", "ratio", "size", "threshold"}), "",
                  "auto: each method's own policy. ratio, size, threshold: this one for every method.", ""},
                 {"at_density", kGroup,
                  numbers(&RunSpec::at_density, "numbers above 0 up to 1, separated by commas", is_density),
                  "of the keys attended to",
                  "Where the settings of each method are compared with those of the others, by interpolation "
                  "between them.",
                  ""}});
  append(flags, press_flags(kMethodSection, kGroup));
  return flags;
}

std::vector<Flag> eviction_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kEviction;
  std::vector<Flag> flags{
      sweep("compression_ratio", kGroup,
            number(&MethodFlags::compression_ratio, "a number from 0 up to but not 1 (the fraction removed)",
                   is_ratio),
            "fraction removed", "Ratio policy: 0.5 removes half of the keys."),
      sweep("cache_size", kGroup, whole_number(&MethodFlags::cache_size, std::int64_t{1}, kMostTokens),
            "keys", "Size policy: each KV head keeps so many, whatever the length."),
      sweep("threshold", kGroup, number(&MethodFlags::threshold, "a finite number", is_any), "score",
            "Threshold policy: a key with a lower score is evicted."),
      {std::string(kTargetDensity), kGroup, listed(std::string(kTargetDensity), target_density()),
       "of the keys attended to",
       "Threshold policy, in the place of --threshold: find the threshold at which queries read this share "
       "of "
       "the keys. It is found on the first " +
           std::to_string(kMostSearchedTokens) +
           " tokens of the data set before the run begins, and it is in the results.",
       "the threshold is given"},
      sweep("sliding_window_size", kGroup,
            whole_number(&MethodFlags::sliding_window_size, std::int64_t{0}, kMostTokens), "tokens",
            "Threshold policy: the most recent keys, which are not judged yet."),
      sweep("protect_first", kGroup, whole_number(&MethodFlags::protect_first, std::int64_t{0}, kMostTokens),
            "tokens", "Every method: first positions that are never evicted, like sinks."),
      sweep(
          "protect_last", kGroup, whole_number(&MethodFlags::protect_last, std::int64_t{0}, kMostTokens),
          "tokens",
          "Every method: latest positions that rank above every score; under a threshold they are not judged "
          "yet."),
      sweep("layer_budgets", kGroup, choice(&MethodFlags::layer_budgets, {"uniform", "pyramid"}), "",
            "Ratio and size policy. pyramid: lower layers keep more keys, higher ones fewer, as PyramidKV "
            "does."),
      sweep("pyramid_beta", kGroup,
            number(&MethodFlags::pyramid_beta, "a number of at least 1", is_at_least_one), "",
            "layer_budgets pyramid: the highest layer keeps a share 1 / beta of the mean, if nothing else "
            "bounds it."),
      sweep("head_budgets", kGroup, choice(&MethodFlags::head_budgets, {"uniform", "adaptive"}), "",
            "Ratio and size policy. adaptive: the KV heads of a layer share their budgets, and the best keys "
            "of all stay, as in AdaKV."),
      sweep("alpha_safeguard", kGroup,
            number(&MethodFlags::alpha_safeguard, "a number from 0 to 1", is_share_or_bound), "of the budget",
            "head_budgets adaptive: what each KV head keeps of its own best keys for sure."),
  };
  append(flags, press_flags(kEvictionSection, kGroup));
  return flags;
}

std::vector<Flag> own_sections_of_presses() {
  std::vector<Flag> flags;
  for (const auto section : other_press_sections({kMethodSection, kEvictionSection}))
    append(flags, press_flags(section, FlagGroup::kPresses));
  return flags;
}

std::vector<Flag> machine_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kMachine;
  return {
      {"device", kGroup, device(), "", "Where to compute. auto: the GPUs if there are any.", ""},
      {"num_gpus", kGroup, whole_number(&RunOptions::num_gpus, 1, kMostGpus), "GPUs", "One worker each.",
       "all that are visible"},
      {"dtype", kGroup, dtype(), "",
       "Number format of the computation; sums of NLL are always float64. Also: fp64, double, fp32, float, "
       "bf16, "
       "fp16, half.",
       ""},
      {"engine", kGroup, choice(&RunSpec::engine, {"auto", "layerwise", "stepwise"}), "",
       "layerwise: a whole sample passes a layer at once, however small the chunks. stepwise: chunk by "
       "chunk, as "
       "generation would; slow, the referee. The same numbers up to rounding. auto: layerwise.",
       ""},
      {"max_weight_memory", kGroup, memory(&RunOptions::max_weight_memory, Nothing::kRefused), "",
       "Most memory for weights. Layers that do not fit come again for every batch of samples, one after the "
       "other: on the CPU from the files, on a GPU from pinned memory of the host. No result depends on it.",
       "all weights stay in memory"},
      {"reference_memory", kGroup, memory(&RunOptions::reference_memory, Nothing::kAccepted), "",
       "Memory of each worker for what the baseline computed last of its samples, with which the "
       "distributions "
       "of the other methods are compared. What does not fit is computed again. No result depends on it.",
       ""},
      {"threads", kGroup, whole_number(&RunOptions::threads, 1, kMostThreads), "threads",
       "CPU threads of this process. No result depends on it.",
       "OMP_NUM_THREADS if set; else the cores that affinity and the container's quota leave it"},
      {"workers", kGroup, whole_number(&RunOptions::workers, 1, kMostThreads), "workers",
       "Workers of one process on the CPU; they share its threads, and each holds the model. No result "
       "depends "
       "on it.",
       "one for --engine layerwise in float32 or float64, else one a thread"},
      {"shard", kGroup, shard(), "",
       "Evaluate only the samples I - 1, I - 1 + N, I - 1 + 2 N, ... of the run, counted from 0, into an "
       "output "
       "folder of their own. `kvcompare merge` then makes the results of the run of all N shards.",
       "the whole run"},
      {"dedicated_coordinator", kGroup, on_off(&RunOptions::dedicated_coordinator), "",
       "Under mpirun or srun: rank 0 evaluates nothing itself.", ""},
      {"share_gpu", kGroup, on_off(&RunOptions::share_gpu), "",
       "Under mpirun or srun: several ranks may use the same GPU.", ""},
      {"allow_mixed_hardware", kGroup, on_off(&RunOptions::allow_mixed_hardware), "",
       "Evaluate units on machines whose arithmetic differs in the last bits, which is refused otherwise. "
       "The "
       "results say which arithmetic there was.",
       ""},
      {"weight_broadcast", kGroup, choice(&RunOptions::weight_broadcast, {"auto", "off"}), "",
       "Under mpirun or srun, with a GPU a rank. auto: one rank a host reads its share of the weights, and "
       "NCCL "
       "brings them to all. off: each rank reads them for itself. No result depends on it.",
       ""},
      {"rank_timeout", kGroup, whole_number(&RunOptions::rank_timeout, 1, kMostSeconds), "seconds",
       "Under mpirun or srun: the run ends, to be resumed, when a rank has given no sign of life for so "
       "long.",
       ""},
      {"start_timeout", kGroup, whole_number(&RunOptions::start_timeout, 1, kMostSeconds), "seconds",
       "The same until a rank gives its first sign of life.", ""},
  };
}

std::vector<Flag> output_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kOutput;
  return {
      {"output_dir", kGroup, text(&RunOptions::output_dir, "FOLDER", "a folder"), "",
       "Gets the results and the journal. Made if it is not there.", "", true},
      {"resume", kGroup, on_off(&RunOptions::resume), "",
       "Go on with the run in the output folder, with any number of processes; starts one if there is none. "
       "If more methods, values or samples are asked for than before, the run grows by them.",
       ""},
      {"retry_failed", kGroup, on_off(&RunOptions::retry_failed), "",
       "With --resume: try again what has failed for good.", ""},
      {"salvage", kGroup, on_off(&RunOptions::salvage), "",
       "With --resume: do without damaged lines of the journal; their units are evaluated again.", ""},
      {"overwrite", kGroup, on_off(&RunOptions::overwrite), "",
       "Remove the results of an earlier run from the output folder.", ""},
      {"dry_run", kGroup, on_off(&RunOptions::dry_run), "",
       "Check all that a run checks before it computes, tell how many units there are and what work and "
       "memory "
       "they take, and end. Nothing is written.",
       ""},
      {"save_token_nll", kGroup, on_off(&RunSpec::save_token_nll), "",
       "Keep the NLL of every token, in results.h5, and with it KL divergence, Δp and greedy hits.", ""},
      {"save_tokens", kGroup, on_off(&RunSpec::save_tokens), "",
       "Keep the ids of every sample's tokens, in the journal and results.h5. With --save_token_nll "
       "`kvcompare inspect` and report.html then show the tokens that methods predict worst, in their text.",
       ""},
      {"no_divergence", kGroup, on_off(&RunSpec::no_divergence), "",
       "Do not compare the distributions of methods with the baseline's (kl, same_top1, delta_p).", ""},
      {"report_text", kGroup, on_off(&RunOptions::report_text), "",
       "Show the first words of each text in report.html.", ""},
      {"stop_grace", kGroup, whole_number(&RunOptions::stop_grace, 0, kMostSeconds), "seconds",
       "After SIGUSR1, SIGTERM or Ctrl-C no unit is begun; those under way are dropped after this time.", ""},
      {"computed_log", kGroup, text(&RunOptions::computed_log, "FILE", "a file to append to"), "",
       "Gets a line for each unit evaluated, by any process: sample, method, SHA-256 of the values.", "none",
       true},
      {"log_level", kGroup, log_level(), "", "Least important lines that the log on stderr shows.", ""},
      {"quiet", kGroup, on_off(&RunOptions::quiet), "",
       "Tell nothing but warnings, errors and results: --log_level warning --no_progress.", ""},
      {"no_progress", kGroup, on_off(&RunOptions::no_progress), "",
       "Draw no bar on stderr, and write no lines there that tell how far the run is.", ""},
  };
}

std::vector<Flag> prompt_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kPrompts;
  return {
      {"min_tokens", kGroup, whole_number(&KvzapTrainingSpec::min_tokens, std::int64_t{2}, kMostTokens),
       "tokens", "Shorter samples are left out.", ""},
      {"max_tokens", kGroup, whole_number(&KvzapTrainingSpec::max_tokens, std::int64_t{2}, kMostTokens),
       "tokens", "Longer samples are cut. The model reads each twice, with the repeat prompt in between.",
       ""},
      {"positions_per_prompt", kGroup,
       whole_number(&KvzapTrainingSpec::positions_per_prompt, std::int64_t{1}, kMostTokens), "positions",
       "Of each prompt, drawn by seed: those that the surrogate is fitted to.", ""},
      {"repeat_prompt", kGroup, repeat_prompt(), "",
       "Stands between a text and its repetition; \\n is a new line, none is nothing. What the model was "
       "taught to repeat after.",
       ""},
      {"held_out", kGroup,
       number(&KvzapTrainingSpec::held_out, "a number between 0 and 1, both excluded", is_share),
       "of the prompts", "Share that nothing is fitted to: R2 is measured there.", ""},
      {"seed", kGroup, whole_number(&KvzapTrainingSpec::seed, std::uint64_t{0}, kMostSeed), "",
       "Of held-out prompts, positions, first weights and order of the examples.", ""},
  };
}

std::vector<Flag> surrogate_flags() {
  constexpr FlagGroup kGroup = FlagGroup::kSurrogate;
  return {
      {"kvzap_model_type", kGroup, choice(&KvzapTrainingSpec::kvzap_model_type, {"mlp", "linear"}), "",
       "Kind of surrogate: mlp by AdamW, linear by ridge regression.", ""},
      {"hidden_dim", kGroup, whole_number(&KvzapTrainingSpec::hidden_dim, std::int64_t{1}, kMostTokens),
       "channels", "mlp: of its hidden layer.", ""},
      {"epochs", kGroup, whole_number(&KvzapTrainingSpec::n_epochs, std::int64_t{1}, kMostTokens), "passes",
       "mlp: over all positions.", ""},
      {"batch_size", kGroup, whole_number(&KvzapTrainingSpec::batch_size, std::int64_t{1}, kMostTokens),
       "positions", "mlp: of a step.", ""},
      {"learning_rate", kGroup, number(&KvzapTrainingSpec::learning_rate, "a number above 0", is_positive),
       "", "mlp: the highest; it falls to 0 along a cosine.", ""},
      {"ridge", kGroup, number(&KvzapTrainingSpec::ridge, "a number above 0", is_positive), "",
       "linear: penalty on the squared weights.", ""},
  };
}

// A row whose value has no default here.
Flag required(Flag flag) {
  flag.value.shown = [](const Settings&) { return std::string(); };
  flag.absent = "required";
  return flag;
}

Flag dumped() {
  FlagValue value{FlagKind::kList, "A,B,...", "one or several of hidden, queries, keys and values",
                  [](Settings& settings, const std::string& given) {
                    auto names = split_at(given, ',');
                    for (std::size_t i = 0; i < names.size(); ++i) {
                      constexpr std::array kAll{"hidden", "queries", "keys", "values"};
                      if (std::ranges::find(kAll, names[i]) == kAll.end()) return false;
                      if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i),
                                    names[i]) != names.begin() + static_cast<std::ptrdiff_t>(i))
                        return false;
                    }
                    settings.dumped = std::move(names);
                    return true;
                  },
                  [](const Settings&) { return std::string(); }};
  return {"what",
          FlagGroup::kData,
          std::move(value),
          "",
          "hidden: the input of the attention block, after its norm. queries, keys: with RoPE, and before it "
          "(raw_queries, raw_keys). values. Where a model scales queries by their position, queries are "
          "scaled, raw_queries are not.",
          "required"};
}

Flag dumped_layers() {
  FlagValue value{FlagKind::kList, "N,...", "whole numbers from 0, or all",
                  [](Settings& settings, const std::string& given) {
                    std::vector<std::int64_t> layers;
                    if (given != "all")
                      for (const auto& piece : split_at(given, ',')) {
                        const auto layer = parse_whole(piece, std::int64_t{0}, kMostTokens);
                        if (!layer || std::ranges::find(layers, *layer) != layers.end()) return false;
                        layers.push_back(*layer);
                      }
                    settings.dumped_layers = std::move(layers);
                    return true;
                  },
                  [](const Settings&) { return std::string(); }};
  return {"layers", FlagGroup::kData, std::move(value), "", "Layers, from 0.", "all"};
}

Flag surrogate_output_flag() {
  return required(
      {"output", FlagGroup::kOutput, text(&RunOptions::output_dir, "FOLDER", "a folder"), "",
       "Gets config.json and model.safetensors of the surrogate, and while it is trained all that --resume "
       "needs. Made if it is not there.",
       ""});
}

// Rows of compare_flags().
std::vector<Flag> shared_flags(const std::vector<std::string>& names) {
  std::vector<Flag> flags;
  flags.reserve(names.size());
  for (const auto& name : names) flags.push_back(*find_flag(compare_flags(), name));
  return flags;
}

}  // namespace

const std::vector<Flag>& compare_flags() {
  static const std::vector<Flag> flags = [] {
    std::vector<Flag> all;
    for (auto group : {data_flags(), method_flags(), eviction_flags(), own_sections_of_presses(),
                       machine_flags(), output_flags()})
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return flags;
}

const std::vector<Flag>& doctor_flags() {
  static const std::vector<Flag> flags = shared_flags({"output_dir", "device"});
  return flags;
}

const std::vector<Flag>& train_kvzap_flags() {
  static const std::vector<Flag> flags = [] {
    auto all = shared_flags({"model_name",   "revision",
                             "data_path",    "text_field",
                             "prompt_field", "completion_field",
                             "data_layout",  "split",
                             "join",         "shuffle_seed",
                             "max_samples",  "skip_bad_lines",
                             "device",       "dtype",
                             "threads",      "dedicated_coordinator",
                             "share_gpu",    "allow_mixed_hardware",
                             "rank_timeout", "start_timeout",
                             "resume",       "log_level",
                             "quiet",        "no_progress"});
    all.front() = required(all.front());
    for (auto group : {prompt_flags(), surrogate_flags(), std::vector{surrogate_output_flag()}})
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return flags;
}

const std::vector<Flag>& dump_flags() {
  static const std::vector<Flag> flags = [] {
    std::vector<Flag> all{dumped(), dumped_layers()};
    for (const auto& flag : compare_flags()) {
      if (flag.name == "config" || flag.name == "at_density" || flag.name.starts_with("include_")) continue;
      if (flag.group != FlagGroup::kMachine && flag.group != FlagGroup::kOutput) all.push_back(flag);
    }
    for (auto& flag : all)
      if (flag.name == "methods") {
        flag.help =
            "Under which method the layers are looked at: one, with one value of each parameter. baseline: "
            "nothing is evicted.";
        flag.value.shown = [](const Settings&) { return std::string("baseline"); };
      }
    append(all, shared_flags({"device", "dtype", "engine", "max_weight_memory", "threads"}));
    append(all, {required({"output", FlagGroup::kOutput, text(&RunOptions::output_dir, "FOLDER", "a folder"),
                           "", "Gets a file for every sample. Made if it is not there.", "", true}),
                 {"resume", FlagGroup::kOutput, on_off(&RunOptions::resume), "",
                  "Keep the files that are complete, and write those that are missing.", ""},
                 {"overwrite", FlagGroup::kOutput, on_off(&RunOptions::overwrite), "",
                  "Write files anew that are there already.", ""}});
    append(all, shared_flags({"log_level", "quiet", "no_progress"}));
    return all;
  }();
  return flags;
}

const std::vector<Flag>& tokenize_flags() {
  static const std::vector<Flag> flags = [] {
    std::vector<Flag> all{
        {"tokenizer", FlagGroup::kData,
         text(&TokenizeCommand::tokenizer, "FOLDER", "a folder with tokenizer.json"), "",
         "Folder with tokenizer.json, or that file.", "required"},
        {"input", FlagGroup::kData,
         text(&TokenizeCommand::input, "F.jsonl", "a file, several with commas, a pattern, or -"), "",
         "Texts: JSON Lines, or any other data that --data_path of a comparison takes.", "required"},
        {"output", FlagGroup::kOutput, text(&TokenizeCommand::output, "G.jsonl", "a file to write"), "",
         "Gets {\"input_ids\":[...]} for each text, in the same order, with the ranges of tokens that are "
         "scored. A text that a comparison cuts into samples of --max_length stays whole.",
         "required"},
    };
    append(all, field_flags());
    append(all, shared_flags({"split", "join"}));
    return all;
  }();
  return flags;
}

const std::vector<Flag>& report_flags() {
  static const std::vector<Flag> flags = [] {
    std::vector<Flag> all{{"output", FlagGroup::kOutput, text(&RunOptions::output_dir, "FOLDER", "a folder"),
                           "", "Gets the files. Made if it is not there.",
                           "the folder of the run; comparison_report for several"}};
    for (auto& flag : shared_flags({"at_density", "report_text"})) all.push_back(std::move(flag));
    all.push_back({"format", FlagGroup::kOutput,
                   choice(&Settings::report_format, {"files", "llama-perplexity"}), "",
                   "llama-perplexity: print the tables of llama.cpp's llama-perplexity --kl-divergence, one "
                   "for each method, and write no file.",
                   "files"});
    for (auto& flag : all)
      if (flag.value.kind != FlagKind::kSwitch)
        flag.value.shown = [](const Settings&) { return std::string(); };
    all[1].absent = "those of each run";
    return all;
  }();
  return flags;
}

const std::vector<Flag>& inspect_flags() {
  static const std::vector<Flag> flags = {
      {"top", FlagGroup::kOutput,
       whole_number(&InspectCommand::n_tokens, std::int64_t{1}, std::int64_t{1000000}), "tokens",
       "So many of each method: those with the largest ΔNLL.", ""},
      {"instance", FlagGroup::kOutput, text(&InspectCommand::instance, "LABEL", "a label of the run's table"),
       "", "Only this one, by its name in the table: \"StreamingLLM 0.75\".", "all but the baseline"},
      {"tokenizer", FlagGroup::kData,
       text(&InspectCommand::tokenizer, "FOLDER", "a folder with tokenizer.json"), "",
       "Folder with tokenizer.json, or that file, by which ids become text.", "that of the run's model"}};
  return flags;
}

const std::vector<Flag>& merge_flags() {
  static const std::vector<Flag> flags = [] {
    auto all = shared_flags({"output_dir", "overwrite", "allow_mixed_hardware"});
    all.front() = required(all.front());
    all.back().help =
        "Merge shards that were computed with different arithmetic, which is refused otherwise. The results "
        "say "
        "which arithmetic there was.";
    return all;
  }();
  return flags;
}

const std::vector<Flag>& verify_flags() {
  static const std::vector<Flag> flags = [] {
    std::vector<Flag> all{
        {"recompute", FlagGroup::kData, whole_number(&Settings::n_recompute, std::int64_t{1}, kMostSamples),
         "samples", "Evaluate so many samples again, under every method, and compare with the journal.",
         "none"}};
    std::vector<std::string> shared{"model_name", "data_path"};
    for (auto& place : place_flags()) shared.push_back(std::move(place));
    shared.insert(shared.end(), {"threads", "workers"});
    for (auto& flag : shared_flags(shared)) {
      flag.value.shown = [](const Settings&) { return std::string(); };
      if (flag.group != FlagGroup::kMachine) flag.absent = "where the run found it";
      all.push_back(std::move(flag));
    }
    return all;
  }();
  return flags;
}

std::vector<std::string> flag_names(const std::vector<Flag>& flags) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) names.push_back(flag.name);
  return names;
}

const Flag* find_flag(const std::vector<Flag>& flags, std::string_view name) {
  const auto found =
      std::find_if(flags.begin(), flags.end(),
                   [wanted = canonical_name(name)](const Flag& flag) { return flag.name == wanted; });
  return found == flags.end() ? nullptr : &*found;
}

}  // namespace kvcompare
