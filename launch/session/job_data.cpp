#include "launch/session/job_data.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <future>
#include <iterator>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/files/sha256.h"
#include "common/log.h"
#include "common/plural.h"
#include "common/run/method_parameters.h"
#include "common/text_split.h"
#include "common/tokenizer/tokenizer.h"
#include "coordinator/plan/plan.h"
#include "launch/session/contexts.h"
#include "launch/session/length_limits.h"
#include "worker/checkpoint/model_hash.h"
#include "worker/checkpoint/scores_folder.h"

namespace kvcompare {
namespace {

// Reads the tokenizer when the first text needs it, because a data set of ids needs none.
class LazyTokenizer {
 public:
  explicit LazyTokenizer(std::filesystem::path folder) : folder_(std::move(folder)) {}

  EncodedText encode(std::string_view text, SpecialTokens special) {
    std::call_once(once_, [this] { load(); });
    if (failure_) std::rethrow_exception(failure_);
    return tokenizer_->encode_with_bytes(text, special);
  }
  bool was_used() const { return tokenizer_.has_value(); }

 private:
  // A failure is remembered, so that a tokenizer that cannot be read is not read again for every text.
  void load() {
    try {
      tokenizer_ = Tokenizer::load(folder_);
      for (const auto& warning : tokenizer_->warnings()) log_warning(warning);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  std::filesystem::path folder_;
  std::once_flag once_;
  std::optional<Tokenizer> tokenizer_;
  std::exception_ptr failure_;
};

// Computes the hash of a model on other threads. If this object ends before the hash was asked for, the hash
// is given up.
class HashBeside {
 public:
  explicit HashBeside(const std::filesystem::path& folder)
      : hash_(std::async(std::launch::async, model_hash, folder, stop_.get_token())) {}
  HashBeside(const HashBeside&) = delete;
  HashBeside& operator=(const HashBeside&) = delete;
  ~HashBeside() { stop_.request_stop(); }  // the future's destructor then waits

  std::string get() { return hash_.get(); }

 private:
  std::stop_source stop_;
  std::future<std::string> hash_;
};

void check_lengths(const std::vector<Sample>& samples, const RunSpec& spec, const ModelConfig& config) {
  const bool is_evicted =
      std::ranges::any_of(spec.methods, [](const auto& method) { return method.name != "baseline"; });
  std::int64_t longest = 0;
  for (const auto& sample : samples) {
    const auto n_tokens = std::ssize(sample.ids);
    longest = std::max(longest, n_tokens);
    const auto what = "sample " + std::to_string(sample.index.value);
    refuse_beyond_window(
        n_tokens, spec.data_path, config,
        {.what = what,
         .remedy = "--max_length " + std::to_string(config.sliding_window.value_or(0)) + " or less",
         .is_evicted = is_evicted});
    refuse_scaled_queries(n_tokens, what, spec.data_path, config, spec.methods);
  }
  warn_beyond_positions(longest, "the longest sample", config);
}

// Nothing comes after such a context that an eviction could change.
void warn_of_whole_contexts(const std::vector<Sample>& samples, const RunSpec& spec) {
  const auto n = std::ranges::count_if(
      samples, [](const auto& sample) { return sample.n_context == std::ssize(sample.ids); });
  if (n > 0)
    log_warning("the context of " + counted(n, "sample") +
                " is the whole sample: no token comes after it, so that no eviction of the protocol " +
                to_string(spec.protocol) + " can matter there; give --context_length");
}

// Throws if two names mean the same scorer, because that would make two names for the same instances.
void refuse_equal(const std::map<std::string, std::string>& scorers, const std::vector<MethodSpec>& methods) {
  const auto flag_of = [&](const std::string& place) -> std::string {
    for (const auto& method : methods)
      if (const auto* named = find_parameter(method, ParameterRole::kPlace);
          named && value_as<std::string>(*named) == place)
        return named->name;
    return "";
  };
  for (auto one = scorers.begin(); one != scorers.end(); ++one)
    for (auto other = std::next(one); other != scorers.end(); ++other)
      if (one->second == other->second)
        throw ConfigError(flag_of(one->first),
                          "'" + one->first + "' and '" + other->first + "' hold the same " +
                              (is_place_of_scores(flag_of(one->first)) ? "scores" : "scorer") +
                              "; give one of them");
}

// Everything is looked at before anything is computed. A sample that is skipped needs no scores.
void read_scores(const Job& job, JobData& data, int n_threads) {
  const auto skipped = without_scored_token(data.dataset.samples);
  std::vector<Sample> evaluated;
  for (const auto& sample : data.dataset.samples)
    if (!std::ranges::binary_search(skipped, sample.index)) evaluated.push_back({sample.index, sample.ids});
  for (const auto& [place, folder] : job.scores) {
    const ScoresFolder scores(folder, job.config.decoder);
    scores.check(evaluated, data.hashes.model, n_threads);
    data.scorers.emplace(place, scores.hash(n_threads));
  }
}

// Whether the data says more of the sample than its ids.
bool names_tokens(const Sample& sample) {
  return !sample.scored.empty() || sample.has_nothing_scored || sample.n_context || !sample.evidence.empty();
}

// Begins with a number that no sample has as its length. So data of ids alone has the hash that it always
// had.
void add_named_tokens(Sha256& hash, const Sample& sample) {
  std::vector<std::int64_t> numbers{-1, sample.has_nothing_scored ? 1 : 0, sample.last_scored_is_cut ? 1 : 0,
                                    sample.n_context.value_or(-1)};
  const auto add = [&](const std::vector<TokenRange>& ranges) {
    numbers.push_back(std::ssize(ranges));
    for (const auto& range : ranges) numbers.insert(numbers.end(), {range.begin, range.end});
  };
  add(sample.scored);
  numbers.push_back(std::ssize(sample.evidence));
  std::ranges::for_each(sample.evidence, add);
  hash.add({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::int64_t)});
}

}  // namespace

TextFields text_fields(const RunSpec& spec) {
  return {.text = spec.text_field,
          .prompt = spec.prompt_field,
          .completion = spec.completion_field,
          .layout = parse_data_layout(spec.data_layout)};
}

std::int64_t n_tokens_of_longest(std::span<const Sample> samples) {
  std::int64_t longest = 0;
  for (const auto& sample : samples) longest = std::max(longest, std::ssize(sample.ids));
  return longest;
}

std::string hash_of(std::span<const Sample> samples) {
  Sha256 hash;
  for (const auto& sample : samples) {
    const auto n_tokens = std::ssize(sample.ids);
    hash.add({reinterpret_cast<const char*>(&n_tokens), sizeof n_tokens});
    hash.add({reinterpret_cast<const char*>(sample.ids.data()), sample.ids.size() * sizeof(TokenId)});
    if (names_tokens(sample)) add_named_tokens(hash, sample);
  }
  return hash.hex();
}

RunSpec with_scorers(RunSpec spec, const JobData& data) {
  for (auto& method : spec.methods)
    if (auto* hash = find_parameter(method, ParameterRole::kHash))
      hash->value = data.scorers.at(text_of_role(method, ParameterRole::kPlace));
  return spec;
}

JobData read_data(const Job& job, int n_threads) {
  HashBeside model(job.model);
  LazyTokenizer tokenizer(job.model);
  const auto& spec = job.spec;
  JobData data;
  data.dataset = read_dataset(
      {.path = spec.data_path,
       .fields = text_fields(spec),
       .split = parse_text_split(spec.split),
       .join = spec.join,
       .max_length = spec.max_length,
       .max_samples = spec.max_samples,
       .shuffle_seed = spec.shuffle_seed,
       .min_length = spec.min_length,
       .windows = spec.perplexity_windows,
       .skip_bad_lines = spec.skip_bad_lines,
       .n_threads = n_threads},
      [&](std::string_view text, SpecialTokens special) { return tokenizer.encode(text, special); },
      job.config.decoder.vocab_size);
  for (const auto& warning : warnings_of(data.dataset, spec.text_field)) log_warning(warning);
  check_lengths(data.dataset.samples, spec, job.config);
  complete_contexts(data.dataset.samples, spec);
  warn_of_whole_contexts(data.dataset.samples, spec);
  data.hashes.data = hash_of(data.dataset.samples);
  if (tokenizer.was_used()) data.hashes.tokenizer = sha256_of_file(job.model / "tokenizer.json");
  for (const auto& [place, folder] : job.scorers) data.scorers.emplace(place, model_hash(folder));
  data.hashes.model = model.get();
  if (!job.scores.empty()) read_scores(job, data, n_threads);
  refuse_equal(data.scorers, spec.methods);
  return data;
}

}  // namespace kvcompare
