// Writes the page of comparisons that a test has invented: write_report_page OUT.html RUN.json...
// The members of RUN.json are those of Comparison and its parts, written by tests/page/invented_run.py.
#include <cmath>
#include <exception>
#include <fstream>
#include <iostream>
#include <list>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "coordinator/reports/page/report_page.h"

namespace kvcompare {
namespace {

using Json = nlohmann::json;

template <class Value>
void get_if_there(const Json& json, const char* key, std::optional<Value>& value) {
  if (json.contains(key) && !json.at(key).is_null()) value = json.at(key).get<Value>();
}

std::optional<Interval> interval_of(const Json& json, const char* key) {
  if (!json.contains(key) || json.at(key).is_null()) return std::nullopt;
  return Interval{json.at(key).at(0), json.at(key).at(1)};
}

MethodSpec spec_of(const Json& json) {
  MethodSpec spec;
  spec.name = json.at("name");
  spec.display_name = json.at("display_name");
  if (json.contains("compression_ratio")) spec.policy = RatioBudget{json.at("compression_ratio")};
  if (json.contains("threshold")) spec.policy = ScoreThreshold{json.at("threshold"), 128};
  if (json.contains("n_sink")) {
    spec.parameters = {{"n_sink", json.at("n_sink").get<std::int64_t>()}};
  }
  return spec;
}

Totals totals_of(const Json& json) {
  Totals totals;
  totals.sums.total_nll = json.at("total_nll");
  totals.total_tokens = json.at("total_tokens");
  totals.avg_nll = json.at("avg_nll");
  totals.perplexity = json.at("perplexity").is_null() ? HUGE_VAL : json.at("perplexity").get<double>();
  totals.sums.keys.original = json.at("keys_original");
  totals.sums.keys.kept = json.at("keys_kept");
  totals.avg_compression_ratio = json.at("avg_compression_ratio");
  totals.attended_density = json.at("attended_density");
  totals.sums.keys.peak = json.at("peak_keys");
  totals.cache_bytes_end = json.at("cache_bytes_end");
  totals.peak_cache_bytes = json.at("peak_cache_bytes");
  return totals;
}

// Sums over all samples.
void put_quality(MethodResult& method, const Json& json) {
  if (!method.totals) return;
  const Json& answers = json.at("answers");
  method.totals->sums.answers = AnswerCounts{.greedy_hits = answers.at("greedy_hits"),
                                             .spans = answers.at("spans"),
                                             .spans_exact = answers.at("spans_exact")};
  if (!json.contains("divergence")) return;
  const Json& sums = json.at("divergence");
  method.totals->sums.divergence = Divergence{.sum_kl = sums.at("kl"),
                                              .sum_acceptance = sums.at("acceptance"),
                                              .sum_delta_p = sums.at("delta_p"),
                                              .sum_delta_p_squared = sums.at("delta_p_squared"),
                                              .n_same_top1 = sums.at("same_top1"),
                                              .n_delta_nll_above_1 = sums.at("above_1"),
                                              .n_delta_nll_above_3 = sums.at("above_3")};
  method.sketches = {.kl = sketch_of(json.at("kl_of_tokens").get<std::vector<double>>()),
                     .delta_p = sketch_of(json.at("delta_p_of_tokens").get<std::vector<double>>())};
}

void put_evidence(MethodResult& method, const Json& json) {
  if (!method.totals) return;
  method.totals->sums.evidence = EvidenceCounts{.spans = json.at("spans"),
                                                .spans_exact = json.at("spans_exact"),
                                                .keys = json.at("keys"),
                                                .keys_kept = json.at("keys_kept"),
                                                .keys_exact = json.at("keys_exact"),
                                                .keys_kept_exact = json.at("keys_kept_exact"),
                                                .spans_missed_evicted = json.at("spans_missed_evicted")};
}

MethodResult method_of(const Json& json) {
  MethodResult method;
  method.spec = spec_of(json);
  method.label = json.at("label");
  method.seconds = 1;
  if (json.contains("totals")) method.totals = totals_of(json.at("totals"));
  for (const Json& row : json.at("per_sample")) {
    SampleRow sample;
    sample.sample = SampleIndex(row.at(0));
    sample.numbers.n_tokens = row.at(1).get<std::int64_t>() + 1;
    sample.numbers.total_nll = row.at(2);
    method.per_sample.push_back(sample);
  }
  if (json.contains("quality")) put_quality(method, json.at("quality"));
  if (json.contains("evidence")) put_evidence(method, json.at("evidence"));
  for (const Json& failed : json.at("failed"))
    method.failed.push_back({SampleIndex(failed.at(0)), failed.at(1), failed.at(2)});
  method.nll_by_position = {json.at("position").at("bin_width"), json.at("position").at("total_nll"),
                            json.at("position").at("n_scored")};
  method.kept_per_head = json.at("kept_per_head").get<std::vector<std::int64_t>>();
  return method;
}

AgainstBaseline against_of(const Json& json) {
  AgainstBaseline against;
  get_if_there(json, "avg_nll_delta", against.avg_nll_delta);
  against.avg_nll_delta_ci95 = interval_of(json, "avg_nll_delta_ci95");
  against.ppl_delta_ci95 = interval_of(json, "ppl_delta_ci95");
  get_if_there(json, "p_value", against.p_value);
  get_if_there(json, "p_value", against.p_value_holm);
  against.reason = json.value("reason", "");
  return against;
}

Statistics statistics_of(const Json& json) {
  Statistics statistics;
  for (const Json& one : json.at("against_baseline")) statistics.against_baseline.push_back(against_of(one));
  if (json.contains("quality"))
    for (const Json& one : json.at("quality"))
      statistics.quality.push_back({.mean_kl = interval_of(one, "mean_kl"),
                                    .same_top1 = interval_of(one, "same_top1"),
                                    .greedy_accuracy = interval_of(one, "greedy_accuracy"),
                                    .answers = interval_of(one, "answers"),
                                    .evidence_kept = interval_of(one, "evidence_kept"),
                                    .reason = one.value("reason", "")});
  for (const Json& one : json.at("differences")) {
    Difference pair{.a = MethodIndex(one.at("a")), .b = MethodIndex(one.at("b"))};
    pair.avg_nll_difference = one.at("avg_nll_difference");
    pair.ci95 = interval_of(one, "ci95");
    get_if_there(one, "p_value", pair.p_value_holm);
    pair.reason = one.value("reason", "");
    statistics.differences.push_back(std::move(pair));
  }
  statistics.differences_reason = json.value("differences_reason", "");
  for (const Json& one : json.at("equal_density")) {
    AtDensity at;
    at.density = one.at("density");
    at.method_name = at.label = one.at("label");
    get_if_there(one, "avg_nll_delta", at.avg_nll_delta);
    at.ci95 = interval_of(one, "ci95");
    at.reason = one.value("reason", "");
    statistics.equal_density.push_back(std::move(at));
  }
  return statistics;
}

Session session_of(const Json& json) {
  Session session;
  session.started = parse_utc(json.at("started"));
  session.end =
      SessionEnd{.finished = parse_utc(json.at("finished")), .evaluate_seconds = 100, .n_evaluated = 1};
  session.host = json.at("host");
  session.kvcompare_version = json.at("kvcompare_version");
  session.libtorch_version = "2.11.0";
  session.compiler = "GNU 12.2.0";
  session.command_line = json.at("command_line").get<std::vector<std::string>>();
  session.n_threads = 2;
  return session;
}

void read_spec(Comparison& comparison, const Json& json) {
  RunSpec& spec = comparison.spec;
  spec.model_name = json.at("model_name");
  spec.data_path = json.at("data_path");
  spec.chunk_size = json.at("chunk_size");
  spec.max_length = json.at("max_length");
  spec.dtype = parse_dtype(json.at("dtype").get<std::string>());
  spec.device_type = "cpu";
  spec.engine = "layerwise";
  comparison.fingerprint = json.at("fingerprint");
  comparison.places = {json.at("model_name"), json.at("data_path"),
                       json.at("scorers").get<std::map<std::string, std::string>>()};
  const Json& inputs = json.at("inputs");
  comparison.inputs = {inputs.at("model"), inputs.at("tokenizer"), inputs.at("data")};
  Numerics numerics;
  numerics.processor = json.at("processor");
  numerics.instruction_set = "AVX2";
  comparison.numerics = {numerics};
}

Comparison comparison_of(const Json& json) {
  Comparison comparison;
  read_spec(comparison, json);
  comparison.model = {.n_layers = json.at("n_layers"),
                      .n_heads = json.at("n_kv_heads"),
                      .n_kv_heads = json.at("n_kv_heads"),
                      .head_dim = 64,
                      .hidden_size = 64 * json.at("n_kv_heads").get<int>(),
                      .vocab_size = 32000,
                      .max_position_embeddings = 8192};
  comparison.n_samples = json.at("n_samples");
  for (const Json& sample : json.at("skipped")) comparison.skipped.emplace_back(sample.get<std::int64_t>());
  for (const Json& bad : json.at("bad_lines")) comparison.bad_lines.push_back({bad.at(0), bad.at(1)});
  comparison.truncated = {json.at("truncated").at(0), json.at("truncated").at(1)};
  for (const Json& text : json.at("warnings")) comparison.warnings.push_back({.code = "test", .text = text});
  for (const Json& method : json.at("methods")) comparison.methods.push_back(method_of(method));
  for (const MethodResult& method : comparison.methods) comparison.spec.methods.push_back(method.spec);
  comparison.statistics = statistics_of(json.at("statistics"));
  return comparison;
}

// What a PageRun refers to.
struct InventedRun {
  std::string name;
  Comparison comparison;
  std::vector<Session> sessions;
  PageTexts texts;
};

std::vector<ShownToken> tokens_of(const Json& json) {
  std::vector<ShownToken> tokens;
  for (const Json& one : json) {
    ShownToken token{.text = {one.at("before"), one.at("token"), one.at("after")}};
    token.numbers = {.sample = SampleIndex(one.at("sample").get<std::int64_t>()),
                     .position = one.at("position"),
                     .nll = one.at("nll"),
                     .nll_baseline = one.at("nll_baseline")};
    get_if_there(one, "kl", token.numbers.kl);
    get_if_there(one, "evidence_kept", token.numbers.evidence_kept);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

InventedRun read_run(const char* file) {
  std::ifstream input(file);
  const Json json = Json::parse(input);
  InventedRun run{json.at("folder"), comparison_of(json), {}, {}};
  for (const Json& session : json.at("sessions")) run.sessions.push_back(session_of(session));
  for (const auto& [sample, words] : json.at("first_words").items())
    run.texts.first_words.emplace(SampleIndex(std::stoll(sample)), words.get<std::string>());
  if (json.contains("worst_tokens"))
    for (const Json& tokens : json.at("worst_tokens")) run.texts.worst_tokens.push_back(tokens_of(tokens));
  return run;
}

int write_page(int n, char** arguments) {
  std::list<InventedRun> invented;
  std::vector<PageRun> runs;
  for (int i = 2; i < n; ++i) {
    const auto& run = invented.emplace_back(read_run(arguments[i]));
    runs.push_back({run.name, run.comparison, run.sessions, run.texts});
  }
  std::ofstream output(arguments[1], std::ios::binary);
  output << report_page(runs);
  return output.flush() ? 0 : 1;
}

}  // namespace
}  // namespace kvcompare

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "write_report_page OUT.html RUN.json...\n";
    return 2;
  }
  try {
    return kvcompare::write_page(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "write_report_page: " << error.what() << "\n";
    return 1;
  }
}
