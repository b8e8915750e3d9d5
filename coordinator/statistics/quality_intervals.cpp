#include "coordinator/statistics/quality_intervals.h"

#include "coordinator/statistics/reasons.h"

namespace kvcompare {

std::vector<QualityIntervals> quality_rows(const Comparison& comparison, const SummedColumns& columns) {
  std::vector<QualityIntervals> rows;
  for (const auto& method : comparison.methods) {
    auto& row = rows.emplace_back();
    if (!method.totals)
      row.reason = reason_for_no_totals(std::ssize(method.failed));
    else if (columns.n_samples() < kFewestSamples)
      row.reason = reason_for_too_few(columns.n_samples());
  }
  return rows;
}

void add_intervals(QualityIntervals& row, const SummedColumns::OfMethod& of, const Bootstrap& bootstrap) {
  const auto a_token = [&](const std::optional<std::size_t>& sum) {
    return sum ? bootstrap.quotient_interval(*sum, SummedColumns::kScored) : std::nullopt;
  };
  row.mean_kl = a_token(of.kl);
  row.same_top1 = a_token(of.same_top1);
  row.greedy_accuracy = a_token(of.greedy_hits);
  if (of.spans) {
    row.answers = bootstrap.quotient_interval(*of.spans_exact, *of.spans);
    if (!row.answers)
      row.answers_reason = "too few samples have answers: more than 5 % of the resamples have none";
  }
  if (of.evidence_keys) {
    row.evidence_kept = bootstrap.quotient_interval(*of.evidence_keys_kept, *of.evidence_keys);
    if (!row.evidence_kept)
      row.evidence_kept_reason = "too few samples have evidence: more than 5 % of the resamples have none";
  }
}

}  // namespace kvcompare
