// Every number of an instance, as all reports have it: the same name, value and reason in each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/evidence_numbers.h"
#include "coordinator/reports/measured.h"
#include "coordinator/reports/token_percentiles.h"

namespace kvcompare {

// Meanings: docs/semantics.md.
struct InstanceNumbers {
  Measured<double> perplexity;
  Measured<double> ppl_delta;      // instance - baseline
  Measured<double> ppl_delta_pct;  // 100 * ppl_delta / baseline
  Measured<Interval> ppl_delta_ci95;
  Measured<double> avg_nll;        // nats a token
  Measured<double> avg_nll_delta;  // instance - baseline
  Measured<Interval> avg_nll_delta_ci95;
  Measured<double> p_value;
  Measured<double> p_value_holm;
  Measured<double> total_nll;  // nats
  Measured<std::int64_t> total_tokens;
  Measured<double> bits_per_byte;          // of the UTF-8 of the scored text
  Measured<double> word_perplexity;        // of the words of the scored text
  Measured<double> avg_compression_ratio;  // fraction discarded at the end of the samples
  Measured<double> kept_fraction;          // of the keys, at the end of the samples
  Measured<double> attended_density;
  Measured<double> compressible_density;
  Measured<std::int64_t> keys_original;
  Measured<std::int64_t> keys_kept;
  Measured<std::int64_t> keys_discarded;
  Measured<std::int64_t> peak_keys;
  Measured<std::int64_t> cache_bytes_end;
  Measured<std::int64_t> peak_cache_bytes;
  Measured<double> mean_kl;  // nats a token; this and what follows are over scored tokens
  Measured<Interval> mean_kl_ci95;
  Measured<KlPercentiles> kl_percentiles;  // nats
  Measured<double> same_top1;              // share of the tokens
  Measured<Interval> same_top1_ci95;
  Measured<double> acceptance;
  Measured<double> mean_delta_p;
  Measured<double> rms_delta_p;
  Measured<DeltaPPercentiles> delta_p_percentiles;
  Measured<double> delta_nll_above_1;  // share of the tokens
  Measured<double> delta_nll_above_3;
  Measured<double> greedy_accuracy;  // share of the tokens
  Measured<Interval> greedy_accuracy_ci95;
  Measured<std::int64_t> spans;
  Measured<std::int64_t> spans_exact;
  Measured<double> answers;  // spans_exact of spans
  Measured<Interval> answers_ci95;
  std::optional<EvidenceNumbers> evidence;  // absent in runs without
};

// method: a place in Comparison::methods.
InstanceNumbers instance_numbers(const Comparison& comparison, std::size_t method);

// Calls visit(name, unit, number) for every number; the instances of a comparison have the same ones. One
// that is new and is not listed here does not compile.
template <class Visit>
void visit_numbers(const InstanceNumbers& numbers, const Visit& visit) {
  const auto& [perplexity, ppl_delta, ppl_delta_pct, ppl_delta_ci95, avg_nll, avg_nll_delta,
               avg_nll_delta_ci95, p_value, p_value_holm, total_nll, total_tokens, bits_per_byte,
               word_perplexity, avg_compression_ratio, kept_fraction, attended_density, compressible_density,
               keys_original, keys_kept, keys_discarded, peak_keys, cache_bytes_end, peak_cache_bytes,
               mean_kl, mean_kl_ci95, kl_percentiles, same_top1, same_top1_ci95, acceptance, mean_delta_p,
               rms_delta_p, delta_p_percentiles, delta_nll_above_1, delta_nll_above_3, greedy_accuracy,
               greedy_accuracy_ci95, spans, spans_exact, answers, answers_ci95, evidence] = numbers;
  visit("perplexity", "", perplexity);
  visit("ppl_delta", "", ppl_delta);
  visit("ppl_delta_pct", "percent", ppl_delta_pct);
  visit("ppl_delta_ci95", "", ppl_delta_ci95);
  visit("avg_nll", "nats a token", avg_nll);
  visit("avg_nll_delta", "nats a token", avg_nll_delta);
  visit("avg_nll_delta_ci95", "nats a token", avg_nll_delta_ci95);
  visit("p_value", "", p_value);
  visit("p_value_holm", "", p_value_holm);
  visit("total_nll", "nats", total_nll);
  visit("total_tokens", "tokens", total_tokens);
  visit("bits_per_byte", "bits", bits_per_byte);
  visit("word_perplexity", "", word_perplexity);
  visit("avg_compression_ratio", "", avg_compression_ratio);
  visit("kept_fraction", "", kept_fraction);
  visit("attended_density", "", attended_density);
  visit("compressible_density", "", compressible_density);
  visit("keys_original", "keys", keys_original);
  visit("keys_kept", "keys", keys_kept);
  visit("keys_discarded", "keys", keys_discarded);
  visit("peak_keys", "keys", peak_keys);
  visit("cache_bytes_end", "bytes", cache_bytes_end);
  visit("peak_cache_bytes", "bytes", peak_cache_bytes);
  visit("mean_kl", "nats a token", mean_kl);
  visit("mean_kl_ci95", "nats a token", mean_kl_ci95);
  visit("kl_percentiles", "nats", kl_percentiles);
  visit("same_top1", "", same_top1);
  visit("same_top1_ci95", "", same_top1_ci95);
  visit("acceptance", "", acceptance);
  visit("mean_delta_p", "", mean_delta_p);
  visit("rms_delta_p", "", rms_delta_p);
  visit("delta_p_percentiles", "", delta_p_percentiles);
  visit("delta_nll_above_1", "", delta_nll_above_1);
  visit("delta_nll_above_3", "", delta_nll_above_3);
  visit("greedy_accuracy", "", greedy_accuracy);
  visit("greedy_accuracy_ci95", "", greedy_accuracy_ci95);
  visit("spans", "ranges", spans);
  visit("spans_exact", "ranges", spans_exact);
  visit("answers", "", answers);
  visit("answers_ci95", "", answers_ci95);
  if (evidence) visit_evidence(*evidence, visit);
}

// "1 sample failed, ..."; empty if the instance has totals.
std::string why_no_totals(const MethodResult& method);

}  // namespace kvcompare
