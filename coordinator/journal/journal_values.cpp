#include "coordinator/journal/journal_values.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <variant>

#include "common/run/for_each_number.h"
#include "common/run/method_parameters.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 40;
constexpr std::int64_t kMostMethods = std::int64_t{1} << 16;

void expect(bool condition, const std::string& law) {
  if (!condition) throw std::invalid_argument("has values that cannot be: " + law);
}

void check_model(const ModelShape& model) {
  for (const auto size : {model.n_layers, model.n_heads, model.n_kv_heads, model.head_dim, model.hidden_size,
                          model.vocab_size, model.max_position_embeddings})
    expect(size >= 1, "every size of the model is at least 1");
  expect(model.n_heads % model.n_kv_heads == 0, "n_kv_heads divides n_heads");
  expect(model.sliding_layers.has_value() == model.sliding_window.has_value(),
         "sliding layers have a window");
  if (!model.sliding_layers) return;
  expect(*model.sliding_window >= 1, "sliding_window is at least 1");
  auto last = std::int64_t{-1};
  for (const auto layer : *model.sliding_layers) {
    expect(layer > last && layer < model.n_layers, "sliding layers are layers, in order");
    last = layer;
  }
  expect(model.n_sliding_layers() >= 1 && model.n_evicting_layers() >= 1,
         "some layers slide, and some do not");
}

void check_samples(const JournalHeader& header) {
  expect(header.n_samples >= 1 && header.n_samples <= kMostSamples, "n_samples is at least 1");
  auto last = SampleIndex(-1);
  for (const auto sample : header.skipped) {
    expect(sample > last && sample.value < header.n_samples, "skipped samples are samples, in order");
    last = sample;
  }
  expect(std::ssize(header.skipped) < header.n_samples, "a sample is not skipped");
  const auto& cut = header.truncated;
  expect(cut.n_samples >= 0 && cut.n_samples <= header.n_samples && cut.n_tokens >= cut.n_samples &&
             (cut.n_samples > 0 || cut.n_tokens == 0),
         "a truncated sample lost a token at least");
  expect(!cut.n_scored_ranges || (*cut.n_scored_ranges > 0 && cut.n_samples > 0),
         "a scored range that was cut is of a truncated sample");
  for (const auto& bad : header.bad_lines) expect(bad.line >= 1, "bad lines count from 1");
}

void check_found(const FoundThreshold& found) {
  expect(found.target_density > 0 && found.target_density < 1, "0 < target_density < 1");
  expect(found.density >= 0 && found.density <= 1, "0 <= density <= 1");
  expect(found.n_samples >= 1 && found.n_tokens >= 1 && found.n_passes >= 1, "a search had samples");
}

void check_method(const MethodSpec& method) {
  if (const auto* ratio = std::get_if<RatioBudget>(&method.policy))
    expect(ratio->compression_ratio >= 0 && ratio->compression_ratio < 1, "0 <= compression_ratio < 1");
  if (const auto* size = std::get_if<SizeBudget>(&method.policy))
    expect(size->cache_size >= 1, "cache_size is at least 1");
  expect(method.protection.first >= 0 && method.protection.last >= 0, "what is protected is not negative");
  expect(has_budget(method.policy) || method.shares == BudgetShares{}, "only a budget is shared");
  expect(method.shares.pyramid_beta >= 1, "pyramid_beta is at least 1");
  expect(method.shares.alpha_safeguard >= 0 && method.shares.alpha_safeguard <= 1,
         "0 <= alpha_safeguard <= 1");
  if (const auto* threshold = std::get_if<ScoreThreshold>(&method.policy))
    expect(threshold->sliding_window_size >= 0, "sliding_window_size is not negative");
  for (const auto& parameter : method.parameters) {
    const auto role = role_of(parameter.name);
    if (role == ParameterRole::kSinks)
      expect(std::holds_alternative<std::int64_t>(parameter.value) && sinks_of(method) >= 0,
             parameter.name + " is a whole number that is not negative");
    else if (role != ParameterRole::kValue)
      expect(std::holds_alternative<std::string>(parameter.value), parameter.name + " is a text");
  }
}

void check_result(const JournalHeader& header, const UnitResult& result) {
  const auto n_tokens = result.numbers.n_tokens;
  const auto total_nll = result.numbers.total_nll;
  const auto& keys = result.numbers.keys;
  const auto& answers = result.numbers.answers;
  const auto& divergence = result.numbers.divergence;
  const auto& evidence = result.numbers.evidence;
  expect(result.kept.n_layers == header.model.n_evicting_layers() &&
             result.kept.n_kv_heads == header.model.n_kv_heads,
         "layers and KV heads are those of the model");
  const auto law = broken_law(result);
  expect(!law, law.value_or(""));
  expect(n_tokens <= header.spec.max_length, "no sample is longer than max_length");
  expect(std::isfinite(total_nll), "total_nll is a finite number");
  expect(result.token_nll.empty() != header.spec.save_token_nll,
         "token_nll is there with save_token_nll only");
  expect(result.token_quality.greedy_hit.empty() != (header.spec.save_token_nll && answers),
         "numbers of tokens are there with save_token_nll only");
  expect(result.span_evidence.keys.empty() != (header.spec.save_token_nll && evidence),
         "evidence of ranges is there with save_token_nll only");
  expect(result.nll_by_position.bin_width == nll_bin_width(header.spec.max_length),
         "bins of positions are as wide as max_length asks for");
  expect(std::isfinite(result.seconds) && result.seconds >= 0, "seconds are not negative");
  expect(!divergence || (!header.spec.no_divergence && result.unit.method.value != 0),
         "distributions are compared with the baseline's, unless with no_divergence");
  if (divergence)
    for_each_number(*divergence, [](const UnitNumber&, auto sum) {
      expect(std::isfinite(static_cast<double>(sum)), "sums over tokens are finite numbers");
    });
  const auto& method = header.spec.methods[static_cast<std::size_t>(result.unit.method.value)];
  if (std::holds_alternative<KeepAll>(method.policy))
    expect(keys.kept == keys.original && keys.attended == keys.attendable &&
               (!evidence || evidence->keys_kept == evidence->keys),
           "a method that evicts nothing keeps every key");
}

}  // namespace

void check_values(const JournalHeader& header) {
  const auto& spec = header.spec;
  check_model(header.model);
  check_samples(header);
  expect(spec.chunk_size >= 1, "chunk_size is at least 1");
  expect(spec.context_length.value_or(1) >= 1, "context_length is at least 1");
  expect(spec.max_length >= 1, "max_length is at least 1");
  expect(!spec.methods.empty() && std::ssize(spec.methods) <= kMostMethods, "there is a method");
  expect(std::holds_alternative<KeepAll>(spec.methods[0].policy), "the first method is the baseline");
  for (const auto& method : spec.methods) check_method(method);
  for (const auto& found : header.found_thresholds) check_found(found);
  if (header.shard)
    expect(header.shard->number >= 1 && header.shard->number <= header.shard->n, "1 <= I <= N of shard I/N");
}

void check_unit(const JournalHeader& header, UnitId unit) {
  if (unit.sample.value < 0 || unit.sample.value >= header.n_samples || unit.method.value < 0 ||
      unit.method.value >= std::ssize(header.spec.methods))
    throw std::invalid_argument("is of a unit that the run does not have");
  if (std::ranges::binary_search(header.skipped, unit.sample))
    throw std::invalid_argument("is of a sample that the run skips");
  if (!holds(header.shard, unit.sample))
    throw std::invalid_argument("is of a sample that shard " + to_string(*header.shard) + " does not hold");
}

void check_values(const JournalHeader& header, const Attempt& attempt) {
  check_unit(header, unit_of(attempt.outcome));
  expect(attempt.number >= 1, "attempts count from 1");
  if (const auto* result = std::get_if<UnitResult>(&attempt.outcome)) check_result(header, *result);
}

void check_values(const JournalHeader& header, const SampleTokens& tokens) {
  const auto n_tokens = std::ssize(tokens.ids);
  expect(header.spec.save_tokens, "tokens are there with save_tokens only");
  expect(tokens.sample.value >= 0 && tokens.sample.value < header.n_samples &&
             !std::ranges::binary_search(header.skipped, tokens.sample) && holds(header.shard, tokens.sample),
         "tokens are of a sample of the run");
  expect(n_tokens >= 2 && n_tokens <= header.spec.max_length, "a sample has two tokens to max_length");
  expect(std::ranges::all_of(tokens.ids, [&](TokenId id) { return id >= 0 && id < header.model.vocab_size; }),
         "tokens are of the vocabulary");
}

}  // namespace kvcompare
