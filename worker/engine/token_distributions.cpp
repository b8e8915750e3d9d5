#include "worker/engine/token_distributions.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "worker/engine/scored_sums.h"

namespace kvcompare {
namespace {

void append(auto& numbers, const auto& later) { numbers.insert(numbers.end(), later.begin(), later.end()); }

bool are_finite(const std::vector<double>& numbers) {
  return std::ranges::all_of(numbers, [](double x) { return std::isfinite(x); });
}

// Calls f(i) for the place of each scored token in the lists of TokenDistributions, in order.
template <class F>
void for_each_scored(const Sample& sample, const F& f) {
  kvcompare::for_each_scored(sample.scored, std::ssize(sample.ids),
                             [&](std::int64_t token) { f(static_cast<std::size_t>(token - 1)); });
}

std::vector<std::uint8_t> are_equal(const std::vector<TokenId>& a, const TokenId* b) {
  std::vector<std::uint8_t> equal;
  for (const auto id : a) equal.push_back(id == *b++ ? 1 : 0);
  return equal;
}

// Of each scored range that is an answer: whether it is written exactly. A range whose end max_length cut off
// never is: nobody knows how it goes on.
std::vector<bool> are_exact(const Sample& sample, const std::vector<std::uint8_t>& hit) {
  std::vector<bool> exact;
  if (!sample.scored_are_answers) return exact;
  for (const auto& [begin, end] : sample.scored)
    exact.push_back(
        std::all_of(hit.begin() + begin - 1, hit.begin() + end - 1, [](auto is_hit) { return is_hit == 1; }));
  if (sample.last_scored_is_cut && !exact.empty()) exact.back() = false;
  return exact;
}

AnswerCounts answers_of(const Sample& sample, const std::vector<std::uint8_t>& hit,
                        const std::vector<bool>& exact) {
  AnswerCounts answers{.spans = std::ssize(exact), .spans_exact = std::ranges::count(exact, true)};
  for_each_scored(sample, [&](std::size_t i) { answers.greedy_hits += hit[i]; });
  return answers;
}

std::optional<EvidenceCounts> evidence_of(const SpanEvidence& spans, const std::vector<bool>& exact) {
  EvidenceCounts counts;
  for (std::size_t s = 0; s < spans.keys.size(); ++s) {
    const auto keys = spans.keys[s], kept = spans.keys_kept[s];
    if (keys == 0) continue;
    ++counts.spans;
    counts.keys += keys;
    counts.keys_kept += kept;
    if (exact[s]) {
      ++counts.spans_exact;
      counts.keys_exact += keys;
      counts.keys_kept_exact += kept;
    } else if (2 * kept < keys) {
      ++counts.spans_missed_evicted;
    }
  }
  return counts.spans > 0 ? std::optional(counts) : std::nullopt;
}

void put_divergence(UnitResult& result, const Sample& sample, const TokenDistributions& tokens) {
  auto& quality = result.token_quality;
  quality.same_top1 = are_equal(tokens.top1, tokens.reference_top1.data());
  quality.kl = tokens.kl;
  for (std::size_t i = 0; i < tokens.nll.size(); ++i)
    quality.delta_p.push_back(std::exp(-tokens.nll[i]) - std::exp(-tokens.reference_nll[i]));
  Divergence sums;
  std::vector<double> kl, delta_p;  // of scored tokens
  for_each_scored(sample, [&](std::size_t i) {
    const double delta = quality.delta_p[i], delta_nll = tokens.nll[i] - tokens.reference_nll[i];
    kl.push_back(tokens.kl[i]);
    delta_p.push_back(delta);
    sums.sum_kl += tokens.kl[i];
    sums.sum_acceptance += tokens.acceptance[i];
    sums.sum_delta_p += delta;
    sums.sum_delta_p_squared += delta * delta;
    sums.n_same_top1 += quality.same_top1[i];
    sums.n_delta_nll_above_1 += delta_nll > 1 ? 1 : 0;
    sums.n_delta_nll_above_3 += delta_nll > 3 ? 1 : 0;
  });
  result.numbers.divergence = sums;
  result.sketches = {.kl = sketch_of(kl), .delta_p = sketch_of(delta_p)};
}

}  // namespace

void append(TokenDistributions& tokens, const TokenDistributions& later) {
  append(tokens.nll, later.nll);
  append(tokens.top1, later.top1);
  append(tokens.kl, later.kl);
  append(tokens.acceptance, later.acceptance);
  append(tokens.reference_nll, later.reference_nll);
  append(tokens.reference_top1, later.reference_top1);
}

void put_tokens(UnitResult& result, const Sample& sample, TokenDistributions tokens) {
  const bool has_reference = !tokens.reference_nll.empty();
  if (are_finite(tokens.nll)) {
    result.token_quality.greedy_hit = are_equal(tokens.top1, sample.ids.data() + 1);
    const auto exact = are_exact(sample, result.token_quality.greedy_hit);
    result.numbers.answers = answers_of(sample, result.token_quality.greedy_hit, exact);
    result.numbers.evidence = evidence_of(result.span_evidence, exact);
    if (has_reference && are_finite(tokens.reference_nll) && are_finite(tokens.kl) &&
        are_finite(tokens.acceptance))
      put_divergence(result, sample, tokens);
  } else {
    result.span_evidence = {};
  }
  put_scored(result, sample, std::move(tokens.nll));
}

}  // namespace kvcompare
