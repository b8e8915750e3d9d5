#include "coordinator/reports/instance_numbers.h"

#include <cmath>
#include <numbers>
#include <optional>
#include <string>

#include "common/plural.h"
#include "coordinator/reports/baseline_delta.h"
#include "coordinator/reports/divergence_means.h"

namespace kvcompare {
namespace {

constexpr const char* kTooLarge = "larger than a float64 can be";

bool is_finite(double value) { return std::isfinite(value); }
bool is_finite(std::int64_t) { return true; }
bool is_finite(const Interval& interval) {
  return std::isfinite(interval.low) && std::isfinite(interval.high);
}

template <class Value>
Measured<Value> finite(const std::optional<Value>& value, const std::string& why_not) {
  if (value && !is_finite(*value)) return {std::nullopt, kTooLarge};
  return measured(value, why_not);
}

constexpr const char* kNoText =
    "a sample is token ids without text, or only what follows its context is scored, or the run is from "
    "before "
    "texts were measured";
constexpr const char* kNoWord = "the scored text holds no word";

std::optional<double> bits_per_byte(const std::optional<Totals>& totals) {
  if (!totals || !totals->has_text) return std::nullopt;
  return totals->sums.total_nll / std::numbers::ln2 / static_cast<double>(totals->sums.scored_bytes);
}

std::optional<double> word_perplexity(const std::optional<Totals>& totals) {
  if (!totals || !totals->has_text || totals->sums.scored_words == 0) return std::nullopt;
  return std::exp(totals->sums.total_nll / static_cast<double>(totals->sums.scored_words));
}

void put_totals(InstanceNumbers& numbers, const MethodResult& method) {
  const auto why_not = why_no_totals(method);
  const auto number = [&](const auto& get) {
    using Value = decltype(get(*method.totals));
    return finite(method.totals ? std::optional<Value>(get(*method.totals)) : std::nullopt, why_not);
  };
  const auto bytes = [&](std::int64_t Totals::*count) -> Measured<std::int64_t> {
    if (method.totals && *method.totals.*count == 0)
      return {std::nullopt, "the head size or the number format of the run is not known"};
    return number([&](const Totals& t) { return t.*count; });
  };
  numbers.perplexity = number([](const Totals& t) { return t.perplexity; });
  numbers.avg_nll = number([](const Totals& t) { return t.avg_nll; });
  numbers.total_nll = number([](const Totals& t) { return t.sums.total_nll; });
  numbers.total_tokens = number([](const Totals& t) { return t.total_tokens; });
  const auto why_no_text = why_not.empty() ? kNoText : why_not;
  numbers.bits_per_byte = finite(bits_per_byte(method.totals), why_no_text);
  numbers.word_perplexity = finite(word_perplexity(method.totals),
                                   method.totals && method.totals->has_text ? kNoWord : why_no_text);
  numbers.avg_compression_ratio = number([](const Totals& t) { return t.avg_compression_ratio; });
  numbers.kept_fraction = number([](const Totals& t) { return t.kept_fraction(); });
  numbers.attended_density = number([](const Totals& t) { return t.attended_density; });
  numbers.compressible_density =
      finite(method.totals ? method.totals->compressible_density : std::nullopt,
             method.totals ? "sinks and window cover every key of every sample" : why_not);
  numbers.keys_original = number([](const Totals& t) { return t.sums.keys.original; });
  numbers.keys_kept = number([](const Totals& t) { return t.sums.keys.kept; });
  numbers.keys_discarded = number([](const Totals& t) { return t.keys_discarded(); });
  numbers.peak_keys = number([](const Totals& t) { return t.sums.keys.peak; });
  numbers.cache_bytes_end = bytes(&Totals::cache_bytes_end);
  numbers.peak_cache_bytes = bytes(&Totals::peak_cache_bytes);
}

constexpr const char* kNotCounted = "the units were evaluated by a kvcompare that did not measure it";

std::string why_no_divergence(const Comparison& comparison, std::size_t method) {
  if (method == 0) return "this is the baseline";
  if (const auto reason = why_no_totals(comparison.methods[method]); !reason.empty()) return reason;
  return comparison.spec.no_divergence ? "--no_divergence: distributions were not compared" : kNotCounted;
}

void put_divergence(InstanceNumbers& numbers, const Comparison& comparison, std::size_t method) {
  const auto& totals = comparison.methods[method].totals;
  const auto& sketches = comparison.methods[method].sketches;
  const auto why_not = why_no_divergence(comparison, method);
  const auto divergence = totals ? totals->sums.divergence : std::nullopt;
  const auto means = divergence ? std::optional(means_of(*divergence, totals->total_tokens)) : std::nullopt;
  const auto number = [&](double DivergenceMeans::*mean) {
    return measured(means ? std::optional(*means.*mean) : std::nullopt, why_not);
  };
  numbers.mean_kl = number(&DivergenceMeans::mean_kl);
  numbers.same_top1 = number(&DivergenceMeans::same_top1);
  numbers.acceptance = number(&DivergenceMeans::acceptance);
  numbers.mean_delta_p = number(&DivergenceMeans::mean_delta_p);
  numbers.rms_delta_p = number(&DivergenceMeans::rms_delta_p);
  numbers.delta_nll_above_1 = number(&DivergenceMeans::delta_nll_above_1);
  numbers.delta_nll_above_3 = number(&DivergenceMeans::delta_nll_above_3);
  const std::string why_no_sketch = divergence ? kNotComputed : why_not;
  numbers.kl_percentiles =
      measured(divergence ? token_percentiles<KlPercentiles>(sketches.kl) : std::nullopt, why_no_sketch);
  numbers.delta_p_percentiles = measured(
      divergence ? token_percentiles<DeltaPPercentiles>(sketches.delta_p) : std::nullopt, why_no_sketch);
}

void put_answers(InstanceNumbers& numbers, const MethodResult& method) {
  const auto& totals = method.totals;
  const auto answers = totals ? totals->sums.answers : std::nullopt;
  const std::string why_not = totals ? kNotCounted : why_no_totals(method);
  const auto count = [&](std::int64_t AnswerCounts::*n) {
    return measured(answers ? std::optional(*answers.*n) : std::nullopt, why_not);
  };
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  numbers.spans = count(&AnswerCounts::spans);
  numbers.spans_exact = count(&AnswerCounts::spans_exact);
  if (!answers) {
    numbers.greedy_accuracy = numbers.answers = {std::nullopt, why_not};
    return;
  }
  numbers.greedy_accuracy = {share(answers->greedy_hits, totals->total_tokens), {}};
  if (answers->spans == 0)
    numbers.answers = {std::nullopt, "the data names no scored ranges"};
  else
    numbers.answers = {share(answers->spans_exact, answers->spans), {}};
}

// An interval of a mean that is not there is missing for the mean's reason.
void put_intervals(InstanceNumbers& numbers, const Comparison& comparison, std::size_t method) {
  const auto& all = comparison.statistics.quality;
  const auto intervals = method < all.size() ? all[method] : QualityIntervals{};
  const auto of = [&](const Measured<double>& mean, const std::optional<Interval>& interval,
                      const std::string& why_not) {
    return mean.value ? measured(interval, why_not) : Measured<Interval>{std::nullopt, mean.reason};
  };
  numbers.mean_kl_ci95 = of(numbers.mean_kl, intervals.mean_kl, intervals.reason);
  numbers.same_top1_ci95 = of(numbers.same_top1, intervals.same_top1, intervals.reason);
  numbers.greedy_accuracy_ci95 = of(numbers.greedy_accuracy, intervals.greedy_accuracy, intervals.reason);
  numbers.answers_ci95 = of(numbers.answers, intervals.answers,
                            intervals.answers_reason.empty() ? intervals.reason : intervals.answers_reason);
}

// Why nothing of the instance can be compared with the baseline; empty if it can be.
std::string why_no_delta(const Comparison& comparison, std::size_t method) {
  if (method == 0) return "this is the baseline";
  if (const auto reason = why_no_totals(comparison.methods[method]); !reason.empty()) return reason;
  const auto reason = why_no_totals(comparison.methods[0]);
  return reason.empty() ? "" : "of the baseline " + reason;
}

void put_deltas(InstanceNumbers& numbers, const Comparison& comparison, std::size_t method) {
  const auto why_not = why_no_delta(comparison, method);
  std::optional<double> ppl_delta, ppl_delta_pct;
  if (const auto delta = baseline_delta(comparison, comparison.methods[method]); delta && why_not.empty()) {
    ppl_delta = delta->ppl_delta;
    ppl_delta_pct = delta->ppl_delta_pct;
  }
  const auto why_no_ppl = why_not.empty() ? "a perplexity is larger than a float64 can be" : why_not;
  numbers.ppl_delta = finite(ppl_delta, why_no_ppl);
  numbers.ppl_delta_pct = finite(ppl_delta_pct, why_no_ppl);

  const auto& all = comparison.statistics.against_baseline;
  const auto against =
      why_not.empty() && method < all.size() ? all[method] : AgainstBaseline{.reason = why_not};
  numbers.avg_nll_delta = finite(against.avg_nll_delta, against.reason);
  numbers.avg_nll_delta_ci95 = finite(against.avg_nll_delta_ci95, against.reason);
  numbers.ppl_delta_ci95 =
      finite(against.ppl_delta_ci95, against.ppl_reason.empty() ? against.reason : against.ppl_reason);
  numbers.p_value = finite(against.p_value, against.reason);
  numbers.p_value_holm = finite(against.p_value_holm, against.reason);
}

}  // namespace

InstanceNumbers instance_numbers(const Comparison& comparison, std::size_t method) {
  InstanceNumbers numbers;
  put_totals(numbers, comparison.methods.at(method));
  put_deltas(numbers, comparison, method);
  put_divergence(numbers, comparison, method);
  put_answers(numbers, comparison.methods[method]);
  put_intervals(numbers, comparison, method);
  numbers.evidence = evidence_numbers(comparison, method);
  return numbers;
}

std::string why_no_totals(const MethodResult& method) {
  if (method.totals) return {};
  const auto n_failed = std::ssize(method.failed);
  if (n_failed == 0) return "no sample could be scored";
  return counted(n_failed, "sample") + " failed, and the others alone compare with nothing";
}

}  // namespace kvcompare
