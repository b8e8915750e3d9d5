#include "coordinator/statistics/sample_sums.h"

#include <algorithm>

#include "common/errors.h"

namespace kvcompare {
namespace {

MethodSums method_sums(const std::vector<SampleRow>& rows) {
  MethodSums sums;
  for (const SampleRow& row : rows) {
    sums.total_nll.push_back(row.numbers.total_nll);
    sums.attended.push_back(static_cast<double>(row.numbers.keys.attended));
    sums.attendable.push_back(static_cast<double>(row.numbers.keys.attendable));
    if (const auto& divergence = row.numbers.divergence) {
      sums.kl.push_back(divergence->sum_kl);
      sums.same_top1.push_back(static_cast<double>(divergence->n_same_top1));
    }
    if (const auto& answers = row.numbers.answers) {
      sums.greedy_hits.push_back(static_cast<double>(answers->greedy_hits));
      sums.spans.push_back(static_cast<double>(answers->spans));
      sums.spans_exact.push_back(static_cast<double>(answers->spans_exact));
    }
    const auto evidence = row.numbers.evidence.value_or(EvidenceCounts{});
    sums.evidence_keys.push_back(static_cast<double>(evidence.keys));
    sums.evidence_keys_kept.push_back(static_cast<double>(evidence.keys_kept));
  }
  for (auto* numbers : {&sums.kl, &sums.same_top1, &sums.greedy_hits, &sums.spans, &sums.spans_exact})
    if (numbers->size() < rows.size()) numbers->clear();  // a part of the samples compares with nothing
  return sums;
}

bool same_samples(const std::vector<SampleRow>& a, const std::vector<SampleRow>& b) {
  return std::ranges::equal(a, b, [](const SampleRow& x, const SampleRow& y) {
    return x.sample == y.sample && x.numbers.n_tokens == y.numbers.n_tokens &&
           x.numbers.n_scored() == y.numbers.n_scored();
  });
}

}  // namespace

SampleSums sample_sums(const Comparison& comparison) {
  SampleSums sums;
  const MethodResult* first = nullptr;
  for (const MethodResult& method : comparison.methods) {
    sums.methods.emplace_back();
    if (!method.totals) continue;
    if (!first) first = &method;
    require(same_samples(first->per_sample, method.per_sample),
            "'" + method.spec.name + "' was not evaluated on the samples of '" + first->spec.name + "'");
    sums.methods.back() = method_sums(method.per_sample);
  }
  if (first)
    for (const SampleRow& row : first->per_sample)
      sums.n_scored.push_back(static_cast<double>(row.numbers.n_scored()));
  return sums;
}

}  // namespace kvcompare
