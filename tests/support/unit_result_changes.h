// One change for each value of a UnitResult, listed by hand and not by common/fields.h: what carries results
// must carry every one of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/run/unit_result.h"

namespace kvcompare {

enum class Carried {
  kEverywhere,
  kInMessages,  // no value of the journal: it stands beside the values, or follows from them
};

struct ResultChange {
  std::string name;
  std::function<void(UnitResult&)> apply;
  Carried carried = Carried::kEverywhere;
};

inline UnitResult result_of_distinct_values() {
  return {
      .unit = {SampleIndex(100), MethodIndex(101)},
      .numbers = {.n_tokens = 102,
                  .total_nll = 103.5,
                  .keys = {.original = 104,
                           .kept = 11,  // the sum of per_head
                           .attended = 106,
                           .attendable = 107,
                           .withheld_from_scored = 108,
                           .compressible = 109,
                           .compressible_kept = 110,
                           .peak = 111},
                  .n_unscored = 122,
                  .scored_bytes = 123,
                  .scored_words = 124,
                  .answers = AnswerCounts{.greedy_hits = 116, .spans = 117, .spans_exact = 118},
                  .divergence = Divergence{.sum_kl = 0.5,
                                           .sum_acceptance = 0.6,
                                           .sum_delta_p = 0.7,
                                           .sum_delta_p_squared = 0.8,
                                           .n_same_top1 = 119,
                                           .n_delta_nll_above_1 = 120,
                                           .n_delta_nll_above_3 = 121},
                  .evidence = EvidenceCounts{.spans = 125,
                                             .spans_exact = 126,
                                             .keys = 127,
                                             .keys_kept = 128,
                                             .keys_exact = 129,
                                             .keys_kept_exact = 130,
                                             .spans_missed_evicted = 131}},
      .kept = {.n_layers = 112, .n_kv_heads = 113, .per_head = {5, 6}, .by_position = {7, 8}},
      .scored = {{119, 120}},
      .token_nll = {0.1, 0.2},
      .nll_by_position = {.bin_width = 114, .total_nll = {0.3}, .n_scored = {115}},
      .sketches = {.kl = {.buckets = {-9, 3, 4}, .counts = {1, 2, 3}, .least = -0.25, .largest = 0.75},
                   .delta_p = {.buckets = {0, 7}, .counts = {4, 5}, .least = 0.125, .largest = 0.5}},
      .token_quality = {.greedy_hit = {0, 1}, .kl = {0.9, 1.1}, .delta_p = {1.2, 1.3}, .same_top1 = {1, 0}},
      .span_evidence = {.keys = {132, 0}, .keys_kept = {133, 0}},
      .seconds = 0.4};
}

// Does not compile if a struct has another number of members: add the change for the new one below.
inline void know_every_member(const UnitResult& result) {
  [[maybe_unused]] const auto& [unit, numbers, kept, scored, token_nll, nll_by_position, sketches, tokens,
                                span_evidence, seconds] = result;
  [[maybe_unused]] const auto& [n_tokens, total_nll, keys, n_unscored, scored_bytes, scored_words, answers,
                                divergence, evidence] = numbers;
  [[maybe_unused]] const auto& [a1, a2, a3] = *answers;
  [[maybe_unused]] const auto& [d1, d2, d3, d4, d5, d6, d7] = *divergence;
  [[maybe_unused]] const auto& [e1, e2, e3, e4, e5, e6, e7] = *evidence;
  [[maybe_unused]] const auto& [span_keys, span_keys_kept] = span_evidence;
  [[maybe_unused]] const auto& [kl, delta_p] = sketches;
  [[maybe_unused]] const auto& [s1, s2, s3, s4] = kl;
  [[maybe_unused]] const auto& [t1, t2, t3, t4] = tokens;
  [[maybe_unused]] const auto& [k1, k2, k3, k4, k5, k6, k7, k8] = keys;
  [[maybe_unused]] const auto& [n_layers, n_kv_heads, per_head, by_position] = kept;
  [[maybe_unused]] const auto& [bin_width, bin_nll, bin_scored] = nll_by_position;
}

inline std::vector<ResultChange> changes_of_a_result() {
  return {
      {"unit.sample", [](auto& r) { r.unit.sample.value = 1; }, Carried::kInMessages},
      {"unit.method", [](auto& r) { r.unit.method.value = 1; }, Carried::kInMessages},
      {"n_tokens", [](auto& r) { r.numbers.n_tokens = 1; }},
      {"total_nll", [](auto& r) { r.numbers.total_nll = 1; }},
      {"original", [](auto& r) { r.numbers.keys.original = 1; }},
      {"kept", [](auto& r) { r.numbers.keys.kept = 1; }, Carried::kInMessages},
      {"attended", [](auto& r) { r.numbers.keys.attended = 1; }},
      {"attendable", [](auto& r) { r.numbers.keys.attendable = 1; }},
      {"withheld_from_scored", [](auto& r) { r.numbers.keys.withheld_from_scored = 1; }},
      {"compressible", [](auto& r) { r.numbers.keys.compressible = 1; }},
      {"compressible_kept", [](auto& r) { r.numbers.keys.compressible_kept = 1; }},
      {"peak", [](auto& r) { r.numbers.keys.peak = 1; }},
      {"n_unscored", [](auto& r) { r.numbers.n_unscored = 1; }},
      {"scored_bytes", [](auto& r) { r.numbers.scored_bytes = 1; }},
      {"scored_words", [](auto& r) { r.numbers.scored_words = 1; }},
      {"scored",
       [](auto& r) {
         r.scored = {{119, 121}};
       }},
      {"n_layers", [](auto& r) { r.kept.n_layers = 1; }},
      {"n_kv_heads", [](auto& r) { r.kept.n_kv_heads = 1; }},
      {"per_head",
       [](auto& r) {
         r.kept.per_head = {6, 5};
       }},
      {"by_position", [](auto& r) { r.kept.by_position.back() = 1; }},
      {"token_nll", [](auto& r) { r.token_nll.back() = 1; }},
      {"bin_width", [](auto& r) { r.nll_by_position.bin_width = 1; }},
      {"bins.total_nll", [](auto& r) { r.nll_by_position.total_nll = {1}; }},
      {"bins.n_scored", [](auto& r) { r.nll_by_position.n_scored = {1}; }},
      {"answers", [](auto& r) { r.numbers.answers.reset(); }},
      {"greedy_hits", [](auto& r) { r.numbers.answers->greedy_hits = 1; }},
      {"spans", [](auto& r) { r.numbers.answers->spans = 1; }},
      {"spans_exact", [](auto& r) { r.numbers.answers->spans_exact = 1; }},
      {"divergence", [](auto& r) { r.numbers.divergence.reset(); }},
      {"sum_kl", [](auto& r) { r.numbers.divergence->sum_kl = 1; }},
      {"sum_acceptance", [](auto& r) { r.numbers.divergence->sum_acceptance = 1; }},
      {"sum_delta_p", [](auto& r) { r.numbers.divergence->sum_delta_p = 1; }},
      {"sum_delta_p_squared", [](auto& r) { r.numbers.divergence->sum_delta_p_squared = 1; }},
      {"n_same_top1", [](auto& r) { r.numbers.divergence->n_same_top1 = 1; }},
      {"n_delta_nll_above_1", [](auto& r) { r.numbers.divergence->n_delta_nll_above_1 = 1; }},
      {"n_delta_nll_above_3", [](auto& r) { r.numbers.divergence->n_delta_nll_above_3 = 1; }},
      {"evidence", [](auto& r) { r.numbers.evidence.reset(); }},
      {"evidence.spans", [](auto& r) { r.numbers.evidence->spans = 1; }},
      {"evidence.spans_exact", [](auto& r) { r.numbers.evidence->spans_exact = 1; }},
      {"evidence.keys", [](auto& r) { r.numbers.evidence->keys = 1; }},
      {"evidence.keys_kept", [](auto& r) { r.numbers.evidence->keys_kept = 1; }},
      {"evidence.keys_exact", [](auto& r) { r.numbers.evidence->keys_exact = 1; }},
      {"evidence.keys_kept_exact", [](auto& r) { r.numbers.evidence->keys_kept_exact = 1; }},
      {"evidence.spans_missed_evicted", [](auto& r) { r.numbers.evidence->spans_missed_evicted = 1; }},
      {"span_evidence.keys", [](auto& r) { r.span_evidence.keys.front() = 1; }},
      {"span_evidence.keys_kept", [](auto& r) { r.span_evidence.keys_kept.back() = 1; }},
      {"kl.buckets", [](auto& r) { r.sketches.kl.buckets.front() = -10; }},
      {"kl.counts", [](auto& r) { r.sketches.kl.counts.back() = 1; }},
      {"kl.least", [](auto& r) { r.sketches.kl.least = -1; }},
      {"kl.largest", [](auto& r) { r.sketches.kl.largest = 1; }},
      {"delta_p.counts", [](auto& r) { r.sketches.delta_p.counts.back() = 1; }},
      {"delta_p", [](auto& r) { r.sketches.delta_p = {}; }},
      {"token_greedy_hit", [](auto& r) { r.token_quality.greedy_hit.back() = 0; }},
      {"token_kl", [](auto& r) { r.token_quality.kl.back() = 1; }},
      {"token_delta_p", [](auto& r) { r.token_quality.delta_p.back() = 1; }},
      {"token_same_top1", [](auto& r) { r.token_quality.same_top1.back() = 1; }},
      {"seconds", [](auto& r) { r.seconds = 1; }, Carried::kInMessages},
  };
}

}  // namespace kvcompare
