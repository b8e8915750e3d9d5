#include "coordinator/reports/worst_tokens.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/errors.h"

namespace kvcompare {
namespace {

// Whether a stands before b in the list.
bool is_worse(const WorstToken& a, const WorstToken& b) {
  if (a.nll_delta() != b.nll_delta()) return a.nll_delta() > b.nll_delta();
  return std::pair(a.sample, a.position) < std::pair(b.sample, b.position);
}

void keep_worst(std::vector<WorstToken>& tokens, std::size_t n) {
  std::ranges::sort(tokens, is_worse);
  if (tokens.size() > n) tokens.resize(n);
}

// The scored range that the token lies in; the unit names some.
std::size_t span_of(std::int64_t position, const UnitResult& unit) {
  const auto behind = std::ranges::upper_bound(unit.scored, position, {}, &TokenRange::begin);
  return static_cast<std::size_t>(behind - unit.scored.begin()) - 1;
}

std::optional<double> evidence_kept(std::int64_t position, const UnitResult& unit) {
  const auto& [keys, keys_kept] = unit.span_evidence;
  if (keys.empty()) return std::nullopt;
  const auto span = span_of(position, unit);
  if (keys[span] == 0) return std::nullopt;
  return static_cast<double>(keys_kept[span]) / static_cast<double>(keys[span]);
}

void append(std::vector<WorstToken>& all, const UnitResult& unit, const UnitResult& baseline,
            const SampleTokens& tokens) {
  const auto n_predicted = tokens.ids.size() - 1;
  require(unit.token_nll.size() == n_predicted && baseline.token_nll.size() == n_predicted,
          "a sample has an NLL for each token but the first");
  for_each_scored(unit.scored, std::ssize(tokens.ids), [&](std::int64_t position) {
    const auto t = static_cast<std::size_t>(position - 1);
    const auto& kl = unit.token_quality.kl;
    all.push_back({.sample = tokens.sample,
                   .position = position,
                   .nll = unit.token_nll[t],
                   .nll_baseline = baseline.token_nll[t],
                   .kl = kl.empty() ? std::nullopt : std::optional(kl[t]),
                   .evidence_kept = evidence_kept(position, unit)});
  });
}

}  // namespace

std::vector<WorstToken> worst_tokens(const Comparison& comparison, std::size_t method, std::size_t n,
                                     const ReadRun& read) {
  std::vector<WorstToken> worst;
  if (method == 0) return worst;
  std::set<SampleIndex> of_baseline;
  for (const SampleRow& row : comparison.methods.at(0).per_sample) of_baseline.insert(row.sample);
  for (const SampleRow& row : comparison.methods.at(method).per_sample) {
    if (!of_baseline.contains(row.sample)) continue;
    const auto tokens = read.tokens(row.sample);
    require(tokens.has_value(), "a run that keeps tokens has those of every sample");
    append(worst, read.unit({row.sample, MethodIndex(static_cast<std::int64_t>(method))}),
           read.unit({row.sample, MethodIndex(0)}), *tokens);
    keep_worst(worst, n);
  }
  return worst;
}

}  // namespace kvcompare
