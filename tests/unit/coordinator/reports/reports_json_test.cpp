#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "coordinator/reports/detailed_json.h"
#include "coordinator/reports/run_json.h"
#include "coordinator/reports/summary_json.h"
#include "tests/unit/coordinator/reports/compared_distributions.h"
#include "tests/unit/coordinator/reports/example_comparison.h"
#include "tests/unit/coordinator/reports/swept_comparison.h"

namespace kvcompare {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

Json detailed(const Comparison& comparison) { return Json::parse(detailed_json(comparison)); }
Json summary(const Comparison& comparison) { return Json::parse(summary_json(comparison)); }

TEST(DetailedJson, HasTheFieldsOfTheSpecsInOrder) {
  const Json report = detailed(example_comparison());
  EXPECT_THAT(keys(report), ElementsAre("schema_version", "fingerprint", "config", "inputs", "numerics",
                                        "model", "n_samples", "skipped_samples", "scored", "truncated",
                                        "warnings", "results", "equal_density", "differences"));
  const Json swept = detailed(compared_distributions())["results"][1];
  EXPECT_THAT(
      keys(swept),
      ElementsAre("method_name", "label", "parameters", "perplexity", "avg_nll", "total_nll", "total_tokens",
                  "bits_per_byte", "word_perplexity", "ppl_delta", "ppl_delta_pct", "ppl_delta_ci95",
                  "avg_nll_delta", "avg_nll_delta_ci95", "p_value", "p_value_holm", "compression_stats",
                  "attended_density", "kept_fraction", "peak_cache_bytes", "cache_bytes_end",
                  "compressible_density", "peak_keys", "mean_kl", "mean_kl_ci95", "kl_percentiles",
                  "same_top1", "same_top1_ci95", "acceptance", "mean_delta_p", "rms_delta_p",
                  "delta_p_percentiles", "delta_nll_above_1", "delta_nll_above_3", "greedy_accuracy",
                  "greedy_accuracy_ci95", "spans", "spans_exact", "answers", "answers_ci95",
                  "answers_ci95_reason", "nll_by_position", "kept_per_head", "per_sample"));
  const Json& baseline = report["results"][0];
  EXPECT_THAT(keys(baseline["compression_stats"]),
              ElementsAre("avg_compression_ratio", "sparsity_percentage", "total_keys_original",
                          "total_keys_kept", "total_keys_discarded"));
  EXPECT_THAT(keys(baseline["per_sample"][0]),
              ElementsAre("sample", "tokens", "n_scored", "total_nll", "keys_original", "keys_kept",
                          "attended_density", "peak_keys"));
  EXPECT_THAT(keys(swept["per_sample"][0]),
              ElementsAre("sample", "tokens", "n_scored", "total_nll", "keys_original", "keys_kept",
                          "attended_density", "peak_keys", "greedy_hits", "spans", "spans_exact", "mean_kl",
                          "same_top1", "acceptance", "mean_delta_p", "rms_delta_p", "delta_nll_above_1",
                          "delta_nll_above_3"));
}

// By hand from the sums of compared_distributions(), over 8 tokens.
TEST(DetailedJson, HoldsHowFarDistributionsAreFromTheBaselinesAndWhatAnswersAreWritten) {
  const Json results = detailed(compared_distributions())["results"];
  const Json& half = results[1];
  EXPECT_EQ(half["mean_kl"], 0.125);
  EXPECT_EQ(half["mean_kl_ci95"], Json::parse("[0.0625, 0.25]"));
  EXPECT_EQ(half["same_top1"], 7.0 / 8);
  EXPECT_EQ(half["acceptance"], 7.0 / 8);
  EXPECT_EQ(half["mean_delta_p"], -0.0625);
  EXPECT_EQ(half["rms_delta_p"], 0.125);
  EXPECT_EQ(half["delta_nll_above_1"], 1.0 / 8);
  EXPECT_EQ(half["delta_nll_above_3"], 0);
  EXPECT_EQ(half["greedy_accuracy"], 0.5);
  EXPECT_EQ(half["spans"], 3);
  EXPECT_EQ(half["spans_exact"], 2);
  EXPECT_EQ(half["answers"], 2.0 / 3);
  EXPECT_EQ(half["answers_ci95"], nullptr);
  EXPECT_EQ(half["answers_ci95_reason"], "too few samples have answers");
  EXPECT_EQ(
      half["per_sample"][1],
      Json::parse(
          R"({"sample": 2, "tokens": 5, "n_scored": 5, "total_nll": 9.75, "keys_original": 24, "keys_kept": 12,
      "attended_density": 0.8, "peak_keys": 16, "greedy_hits": 2, "spans": 2, "spans_exact": 1, "mean_kl": 0.15,
      "same_top1": 0.8, "acceptance": 0.9, "mean_delta_p": -0.075, "rms_delta_p": 0.13693063937629153,
      "delta_nll_above_1": 0.2, "delta_nll_above_3": 0.0})"));
  EXPECT_EQ(results[2]["mean_kl_ci95_reason"], "2 samples are too few");
}

// Each percentile of the 8 tokens by nearest rank, up to what a sketch rounds; the ends are exact.
TEST(DetailedJson, PercentilesAreThoseOfTheTokens) {
  const Json half = detailed(compared_distributions())["results"][1];
  EXPECT_THAT(keys(half["kl_percentiles"]), ElementsAre("50", "90", "99", "99.9", "max"));
  EXPECT_NEAR(half["kl_percentiles"]["50"].get<double>(), 0.125, 0.004 * 0.125);
  EXPECT_EQ(half["kl_percentiles"]["90"], 0.25);
  EXPECT_EQ(half["kl_percentiles"]["max"], 0.25);
  EXPECT_THAT(keys(half["delta_p_percentiles"]),
              ElementsAre("min", "0.1", "1", "5", "10", "25", "50", "75", "90", "95", "99", "99.9", "max"));
  EXPECT_EQ(half["delta_p_percentiles"]["min"], -0.25);
  EXPECT_NEAR(half["delta_p_percentiles"]["25"].get<double>(), -0.125, 0.004 * 0.125);
  EXPECT_EQ(half["delta_p_percentiles"]["50"], 0);
}

TEST(DetailedJson, SaysWhyDistributionsWereNotCompared) {
  auto comparison = compared_distributions();
  const auto reason = [&](std::size_t place, const char* name) {
    const Json result = detailed(comparison)["results"][place];
    EXPECT_EQ(result[name], nullptr) << name;
    return result[std::string(name) + "_reason"].get<std::string>();
  };
  for (const auto* name : {"mean_kl", "mean_kl_ci95", "kl_percentiles", "same_top1", "rms_delta_p"}) {
    EXPECT_EQ(reason(0, name), "this is the baseline");
    EXPECT_EQ(reason(4, name), "1 sample failed, and the others alone compare with nothing");
  }
  comparison.methods[1].totals->sums.divergence.reset();
  EXPECT_EQ(reason(1, "mean_kl"), "the units were evaluated by a kvcompare that did not measure it");
  comparison.spec.no_divergence = true;
  EXPECT_EQ(reason(1, "mean_kl"), "--no_divergence: distributions were not compared");
  EXPECT_EQ(reason(1, "kl_percentiles"), "--no_divergence: distributions were not compared");
  comparison.methods[2].totals->sums.answers->spans = 0;
  EXPECT_EQ(reason(2, "answers"), "the data names no scored ranges");
  EXPECT_EQ(reason(2, "answers_ci95"), "the data names no scored ranges");
  comparison.methods[3].totals->sums.answers.reset();
  EXPECT_EQ(reason(3, "spans"), "the units were evaluated by a kvcompare that did not measure it");
}

TEST(DetailedJson, HoldsTheNumbersOfTheMethods) {
  const Json random = detailed(example_comparison())["results"][1];
  EXPECT_EQ(random["method_name"], "Random");
  EXPECT_EQ(random["perplexity"].get<double>(), 12.182493960703473);
  EXPECT_EQ(random["avg_nll"].get<double>(), 2.5);
  EXPECT_EQ(random["total_tokens"], 8);
  EXPECT_EQ(random["compression_stats"],
            Json::parse(R"({"avg_compression_ratio": 0.5, "sparsity_percentage": 50.0,
      "total_keys_original": 40, "total_keys_kept": 20, "total_keys_discarded": 20})"));
  EXPECT_EQ(random["attended_density"].get<double>(), 0.75);
  EXPECT_EQ(random["compressible_density"], nullptr);
  EXPECT_EQ(random["compressible_density_reason"], "sinks and window cover every key of every sample");
  EXPECT_EQ(random["peak_keys"], 14);
  EXPECT_EQ(random["per_sample"][1],
            Json::parse(R"({"sample": 2, "tokens": 5, "n_scored": 5, "total_nll": 19.7,
      "keys_original": 24, "keys_kept": 12, "attended_density": 0.8, "peak_keys": 14})"));
}

TEST(DetailedJson, PredictedTokensOfTheSamplesAddUpToTotalTokens) {
  const Json report = detailed(example_comparison());
  for (const int method : {0, 1}) {
    std::int64_t sum = 0;
    for (const Json& row : report["results"][method]["per_sample"]) sum += row["tokens"].get<std::int64_t>();
    EXPECT_EQ(sum, report["results"][method]["total_tokens"].get<std::int64_t>());
  }
}

TEST(DetailedJson, DoublesReadBackExactly) {
  Comparison comparison = example_comparison();
  for (const double value : {0.1 + 0.2, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.12345679, 1e23}) {
    comparison.methods[1].per_sample[0].numbers.total_nll = value;
    EXPECT_EQ(detailed(comparison)["results"][1]["per_sample"][0]["total_nll"].get<double>(), value);
  }
}

TEST(DetailedJson, AFailedMethodHasItsFailuresAndNoAggregate) {
  const Json kvzap = detailed(example_comparison())["results"][2];
  for (const auto* name :
       {"perplexity", "avg_nll", "total_tokens", "ppl_delta", "p_value", "attended_density", "peak_keys",
        "peak_cache_bytes", "nll_by_position", "kept_per_head"}) {
    EXPECT_EQ(kvzap[name], nullptr) << name;
    EXPECT_EQ(kvzap[std::string(name) + "_reason"],
              "1 sample failed, and the others alone compare with nothing")
        << name;
  }
  EXPECT_EQ(kvzap["failed"],
            Json::parse(R"([{"sample": 2, "reason": "NLL of token 3 is not finite", "attempts": 3}])"));
  EXPECT_EQ(kvzap["per_sample"].size(), 1u);
}

// Everywhere in the JSON.
void expect_a_reason_beside_every_null(const Json& json) {
  if (json.is_object())
    for (const auto& [key, value] : json.items()) {
      if (value.is_null()) {
        EXPECT_TRUE(json.contains(key + "_reason") && !json[key + "_reason"].get<std::string>().empty())
            << key;
      } else if (json.contains(key + "_reason")) {
        ADD_FAILURE() << key << " is there, and so is a reason why it is not";
      }
      expect_a_reason_beside_every_null(value);
    }
  else if (json.is_array())
    for (const auto& value : json) expect_a_reason_beside_every_null(value);
}

TEST(DetailedJson, ANumberThatThereIsNotIsNullWithAReason) {
  auto overflowing = swept_comparison();
  overflowing.methods[1].totals->perplexity = std::numeric_limits<double>::infinity();
  overflowing.statistics.against_baseline[2].ppl_delta_ci95->high = std::numeric_limits<double>::infinity();
  auto without_baseline = swept_comparison();
  without_baseline.methods[0].totals.reset();
  auto without_reasons = swept_comparison();
  for (auto& row : without_reasons.statistics.against_baseline) row = {};
  for (auto& pair : without_reasons.statistics.differences) pair = {.a = pair.a, .b = pair.b};
  for (auto& at : without_reasons.statistics.equal_density) at = AtDensity();
  for (const auto& comparison : {example_comparison(), swept_comparison(), compared_distributions(),
                                 overflowing, without_baseline, without_reasons}) {
    expect_a_reason_beside_every_null(detailed(comparison));
    expect_a_reason_beside_every_null(summary(comparison));
  }
  EXPECT_EQ(summary(overflowing)["results"][1]["ppl_delta_ci95"], nullptr);
  EXPECT_EQ(summary(overflowing)["results"][1]["ppl_delta_ci95_reason"], "larger than a float64 can be");
}

TEST(DetailedJson, HoldsNllByPositionAndKeptKeysByLayerAndHead) {
  const Json result = detailed(swept_comparison())["results"][3];
  EXPECT_EQ(result["nll_by_position"],
            Json::parse(R"({"bin_width": 2, "total_nll": [1.5, 7.5, 9.4], "n_scored": [2, 4, 2]})"));
  EXPECT_EQ(result["kept_per_head"], Json::parse("[[9, 0], [12, 1]]"));
}

TEST(DetailedJson, ListsSkippedSamples) {
  Comparison comparison = example_comparison();
  EXPECT_EQ(detailed(comparison)["skipped_samples"], Json::parse("[1]"));
  comparison.skipped.clear();
  EXPECT_EQ(detailed(comparison)["skipped_samples"], Json::array());
}

TEST(DetailedJson, AnOverflowingPerplexityIsAbsentAndItsNllStays) {
  Comparison comparison = example_comparison();
  comparison.methods[1].totals->avg_nll = 800;
  comparison.methods[1].totals->perplexity = std::exp(800.0);
  const Json random = detailed(comparison)["results"][1];
  EXPECT_EQ(random["perplexity"], nullptr);
  EXPECT_EQ(random["perplexity_reason"], "larger than a float64 can be");
  EXPECT_EQ(random["avg_nll"].get<double>(), 800);
}

TEST(DetailedJson, ConfigHoldsTheFlagsButForPlaces) {
  Comparison comparison = example_comparison();
  comparison.spec.text_field = "text";
  comparison.spec.max_samples = 3;
  const Json config = detailed(comparison)["config"];
  EXPECT_THAT(keys(config), ElementsAre("text_field", "max_length", "max_samples", "skip_bad_lines",
                                        "save_token_nll", "chunk_size", "dtype", "engine", "at_density",
                                        "device", "protocol", "budget_counts", "methods", "policy",
                                        "compression_ratio", "sliding_window_size", "threshold"));
  EXPECT_EQ(config["dtype"], "float32");
  EXPECT_EQ(config["device"], "cpu");
  EXPECT_EQ(config["methods"], Json::parse(R"(["baseline", "random", "kvzap"])"));
}

TEST(DetailedJson, TellsOfEachMethodWhatItUsedAndNothingElse) {
  Comparison comparison = example_comparison();
  comparison.methods[1].spec.parameters = {{"n_sink", std::int64_t{4}}};
  const Json results = detailed(comparison)["results"];
  EXPECT_EQ(results[0]["parameters"], Json::parse(R"({"policy": "none"})"));
  EXPECT_EQ(results[1]["parameters"],
            Json::parse(R"({"policy": "ratio", "compression_ratio": 0.5, "n_sink": 4})"));
  EXPECT_EQ(results[2]["parameters"],
            Json::parse(R"({"policy": "threshold", "threshold": -7.0, "sliding_window_size": 128})"));
}

// The number of tokens, and words that say so, in every report.
TEST(DetailedJson, SaysWhereTheDataNamesWhatIsScored) {
  Comparison comparison = example_comparison();
  EXPECT_EQ(detailed(comparison)["scored"], "all");
  EXPECT_EQ(summary(comparison)["scored"], "all");
  comparison.methods[1].per_sample[1].numbers.n_unscored = 2;
  EXPECT_EQ(detailed(comparison)["scored"], "ranges");
  EXPECT_EQ(summary(comparison)["scored"], "ranges");
  EXPECT_EQ(detailed(comparison)["results"][1]["per_sample"][1]["tokens"], 3);
}

TEST(DetailedJson, InvalidUtf8IsReplacedAndDoesNotThrow) {
  Comparison comparison = example_comparison();
  comparison.methods[2].failed[0].reason = "caf\xe9";
  EXPECT_EQ(detailed(comparison)["results"][2]["failed"][0]["reason"], "caf\xef\xbf\xbd");
}

TEST(DetailedJson, DoesNotDependOnTimings) {
  Comparison comparison = example_comparison();
  const std::string before = detailed_json(comparison);
  const std::string summary_before = summary_json(comparison);
  comparison.methods[0].seconds = 99;
  EXPECT_EQ(detailed_json(comparison), before);
  EXPECT_EQ(summary_json(comparison), summary_before);
}

TEST(SummaryJson, ComparesEachMethodWithTheBaseline) {
  const Json report = summary(example_comparison());
  EXPECT_THAT(keys(summary(compared_distributions())),
              ElementsAre("schema_version", "scored", "baseline_perplexity", "baseline_greedy_accuracy",
                          "baseline_greedy_accuracy_ci95", "baseline_answers", "baseline_answers_ci95",
                          "results", "equal_density", "differences", "warnings"));
  EXPECT_EQ(report["baseline_perplexity"].get<double>(), 7.38905609893065);
  const Json& random = report["results"][0];
  EXPECT_EQ(random["method"], "Random");
  EXPECT_EQ(random["perplexity"].get<double>(), 12.182493960703473);
  EXPECT_DOUBLE_EQ(random["ppl_delta"].get<double>(), 4.793437861772823);
  EXPECT_NEAR(random["ppl_delta_pct"].get<double>(), 64.87212707001282, 1e-10);  // 100 (e^0.5 - 1)
  EXPECT_EQ(random["compression_ratio"].get<double>(), 0.5);
}

TEST(SummaryJson, TellsOfEachInstanceWhoItIsAndHowSureItsNumbersAre) {
  const Json line = summary(compared_distributions())["results"][0];
  EXPECT_THAT(keys(line),
              ElementsAre("method", "method_name", "label", "parameters", "perplexity", "bits_per_byte",
                          "word_perplexity", "ppl_delta", "ppl_delta_pct", "ppl_delta_ci95", "avg_nll_delta",
                          "avg_nll_delta_ci95", "p_value", "p_value_holm", "compression_ratio",
                          "attended_density", "kept_fraction", "peak_cache_bytes", "cache_bytes_end",
                          "mean_kl", "mean_kl_ci95", "kl_percentiles", "same_top1", "same_top1_ci95",
                          "acceptance", "mean_delta_p", "rms_delta_p", "delta_p_percentiles",
                          "delta_nll_above_1", "delta_nll_above_3", "greedy_accuracy", "greedy_accuracy_ci95",
                          "spans", "spans_exact", "answers", "answers_ci95", "answers_ci95_reason"));
  EXPECT_EQ(line["mean_kl"], 0.125);
  EXPECT_EQ(line["greedy_accuracy_ci95"], Json::parse("[0.25, 0.625]"));
  EXPECT_EQ(summary(compared_distributions())["baseline_greedy_accuracy"], 5.0 / 8);
  EXPECT_EQ(summary(compared_distributions())["baseline_answers_ci95"], Json::parse("[0.5, 1]"));
  EXPECT_EQ(line["method"], "StreamingLLM");
  EXPECT_EQ(line["method_name"], "StreamingLLM");
  EXPECT_EQ(line["label"], "StreamingLLM 0.5");
  EXPECT_EQ(line["parameters"], Json::parse(R"({"policy": "ratio", "compression_ratio": 0.5, "n_sink": 4})"));
  EXPECT_EQ(line["avg_nll_delta"], 0.0625);
  EXPECT_EQ(line["avg_nll_delta_ci95"], Json::parse("[-0.0125, 0.1]"));
  EXPECT_EQ(line["ppl_delta_ci95"], Json::parse("[-0.09, 0.75]"));
  EXPECT_EQ(line["p_value"], 0.25);
  EXPECT_EQ(line["p_value_holm"], 0.5);
  EXPECT_EQ(line["kept_fraction"], 0.5);
  EXPECT_EQ(line["attended_density"].get<double>(), 24.0 / 44);
  EXPECT_EQ(line["cache_bytes_end"], 20 * 2 * 64 * 2);  // keys, key and value, head size, bytes of bfloat16
  EXPECT_EQ(line["peak_cache_bytes"], 16 * 2 * 64 * 2);
}

TEST(SummaryJson, ListsDifferencesAndWhatSweepsCostAtEqualDensity) {
  const Json report = summary(swept_comparison());
  EXPECT_EQ(report["differences"], Json::parse(R"([
      {"a": "StreamingLLM 0.5", "b": "StreamingLLM 0.75", "avg_nll_difference": -0.4375, "ci95": [-0.5, -0.375],
       "p_value": 0.0001, "p_value_holm": 0.0003, "different": true},
      {"a": "StreamingLLM 0.5", "b": "KVzap τ -6", "avg_nll_difference": -0.2375,
       "ci95": null, "ci95_reason": "the two are equal in every sample",
       "p_value": null, "p_value_reason": "the two are equal in every sample",
       "p_value_holm": null, "p_value_holm_reason": "the two are equal in every sample",
       "different": null, "different_reason": "the two are equal in every sample"}])"));
  EXPECT_EQ(report["equal_density"], Json::parse(R"([
      {"density": 0.5, "method_name": "StreamingLLM", "label": "StreamingLLM", "avg_nll_delta": 0.125,
       "ci95": [0.0625, 0.25]},
      {"density": 0.1, "method_name": "StreamingLLM", "label": "StreamingLLM",
       "avg_nll_delta": null, "avg_nll_delta_reason": "beyond the sweep, which ends at 0.25",
       "ci95": null, "ci95_reason": "beyond the sweep, which ends at 0.25"}])"));
  EXPECT_EQ(detailed(swept_comparison())["differences"], report["differences"]);
  EXPECT_EQ(detailed(swept_comparison())["equal_density"], report["equal_density"]);
}

TEST(SummaryJson, SaysWhyInstancesAreNotComparedWithEachOther) {
  auto comparison = swept_comparison();
  comparison.statistics.differences.clear();
  comparison.statistics.differences_reason = "251 instances";
  EXPECT_EQ(summary(comparison)["differences"], Json::array());
  EXPECT_EQ(summary(comparison)["differences_reason"], "251 instances");
}

TEST(SummaryJson, LeavesTheBaselineOutOfTheList) {
  const Json report = summary(example_comparison());
  ASSERT_EQ(report["results"].size(), 2u);
  for (const Json& line : report["results"]) EXPECT_NE(line["method"], "Baseline");
}

TEST(SummaryJson, AFailedMethodHasNoNumbers) {
  const Json kvzap = summary(example_comparison())["results"][1];
  EXPECT_EQ(kvzap["failed_samples"], 1);
  for (const auto& [key, value] : kvzap.items())
    EXPECT_TRUE(!value.is_number() || key == "failed_samples") << key;
}

TEST(SummaryJson, WithoutABaselineThereIsNoDelta) {
  Comparison comparison = example_comparison();
  comparison.methods[0].totals.reset();
  const Json report = summary(comparison);
  EXPECT_EQ(report["baseline_perplexity"], nullptr);
  EXPECT_EQ(report["results"][0]["perplexity"].get<double>(), 12.182493960703473);
  EXPECT_EQ(report["results"][0]["ppl_delta"], nullptr);
  EXPECT_EQ(report["results"][0]["ppl_delta_reason"], "of the baseline no sample could be scored");
}

TEST(SummaryJson, AnOverflowingBaselineLeavesNoDelta) {
  Comparison comparison = example_comparison();
  comparison.methods[0].totals->perplexity = std::numeric_limits<double>::infinity();
  const Json report = summary(comparison);
  EXPECT_EQ(report["baseline_perplexity"], nullptr);
  EXPECT_EQ(report["results"][0]["ppl_delta"], nullptr);
  EXPECT_EQ(report["results"][0]["ppl_delta_reason"], "a perplexity is larger than a float64 can be");
}

Session example_session() {
  Session session;
  session.started =
      std::chrono::sys_days(std::chrono::year(2024) / 2 / 29) + std::chrono::milliseconds(3723999);
  session.host = "node7";
  session.kvcompare_version = "0.1.0";
  session.libtorch_version = "2.11.0";
  session.compiler = "GCC 12.2.0";
  session.command_line = {"kvcompare", "--data_path", "texts.jsonl"};
  session.n_processes = 4;
  session.n_workers = 3;
  session.device = "cpu";
  session.n_threads = 2;
  session.load_seconds = 0.5;
  return session;
}

TEST(RunJson, HoldsDatesHostVersionsAndTimingsOfEverySession) {
  auto killed = example_session(), ended = example_session();
  ended.end = SessionEnd{.finished = ended.started + std::chrono::hours(24),
                         .evaluate_seconds = 5.25,
                         .n_evaluated = 21,
                         .interrupted = false};
  const Json sessions = Json::parse(run_json(example_comparison(), {killed, ended}))["sessions"];
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_FALSE(sessions[0].contains("finished"));
  EXPECT_FALSE(sessions[0].contains("evaluate_seconds"));
  const Json& report = sessions[1];
  EXPECT_EQ(report["started"], "2024-02-29T01:02:03Z");
  EXPECT_EQ(report["finished"], "2024-03-01T01:02:03Z");
  EXPECT_EQ(report["host"], "node7");
  EXPECT_EQ(report["processes"], 4);
  EXPECT_EQ(report["workers"], 3);
  EXPECT_EQ(report["threads"], 2);
  EXPECT_EQ(report["versions"],
            Json::parse(R"({"kvcompare": "0.1.0", "libtorch": "2.11.0", "compiler": "GCC 12.2.0"})"));
  ended.commit = "56dea0f";
  EXPECT_EQ(Json::parse(run_json(example_comparison(), {ended}))["sessions"][0]["versions"]["commit"],
            "56dea0f");
  EXPECT_EQ(report["command_line"], Json::parse(R"(["kvcompare", "--data_path", "texts.jsonl"])"));
  EXPECT_EQ(report["load_seconds"].get<double>(), 0.5);
  EXPECT_EQ(report["evaluate_seconds"].get<double>(), 5.25);
  EXPECT_EQ(report["evaluated_units"], 21);
  EXPECT_EQ(report["interrupted"], false);
}

TEST(RunJson, SpeedIsPredictedTokensASecondAndAbsentIfNothingWasTimed) {
  const Json lines = Json::parse(run_json(example_comparison(), {}))["methods"];
  EXPECT_EQ(
      lines[0],
      Json::parse(
          R"({"method_name": "Baseline", "label": "Baseline", "seconds": 4.0, "tokens_per_second": 2.0})"));
  EXPECT_EQ(lines[1], Json::parse(R"({"method_name": "Random", "label": "Random", "seconds": 0.0})"));
  EXPECT_EQ(
      lines[2],
      Json::parse(R"({"method_name": "KVzap", "label": "KVzap", "seconds": 1.5, "tokens_per_second": 2.0})"));
}

TEST(RunJson, HoldsThePathsThatTheResultsLeaveOut) {
  auto comparison = example_comparison();
  comparison.places = {.model_name = "/models/tiny", .data_path = "/data.jsonl"};
  EXPECT_EQ(Json::parse(run_json(comparison, {}))["paths"],
            Json::parse(R"({"model_name": "/models/tiny", "data_path": "/data.jsonl"})"));
  comparison.methods[2].spec.parameters = {{"kvzap_scorer_model", "/scorer"}, {"kvzap_scorer", "ab"}};
  comparison.places.kvzap_scorers = {{"ab", "/scorer"}};
  EXPECT_EQ(Json::parse(run_json(comparison, {}))["kvzap_scorers"],
            Json::parse(R"([{"sha256": "ab", "path": "/scorer"}])"));
}

TEST(UtcText, RoundsDownBeforeTheEpoch) {
  EXPECT_EQ(utc_text(std::chrono::system_clock::time_point(std::chrono::milliseconds(-1))),
            "1969-12-31T23:59:59Z");
}

TEST(UtcText, ReadsBack) {
  const auto time = example_session().started;
  EXPECT_EQ(parse_utc(utc_text(time)), std::chrono::floor<std::chrono::seconds>(time));
  EXPECT_THROW(parse_utc("2024-02-29 01:02:03"), std::invalid_argument);
  EXPECT_THROW(parse_utc("2024-02-29T01:02:03Z and more"), std::invalid_argument);
}

}  // namespace
}  // namespace kvcompare
