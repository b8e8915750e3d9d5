#include "coordinator/reports/evidence_numbers.h"

#include <string>

#include "coordinator/reports/instance_numbers.h"

namespace kvcompare {
namespace {

constexpr const char* kNotCounted = "the units were evaluated by a kvcompare that did not count it";

Measured<double> share(std::int64_t kept, std::int64_t keys, const char* why_not) {
  if (keys == 0) return {std::nullopt, why_not};
  return {static_cast<double>(kept) / static_cast<double>(keys), {}};
}

EvidenceNumbers without_numbers(const std::string& why_not) {
  const Measured<std::int64_t> count{std::nullopt, why_not};
  const Measured<double> share{std::nullopt, why_not};
  return {count, count, count, share, {std::nullopt, why_not}, share, share, count, count};
}

Measured<Interval> interval_of(const Comparison& comparison, std::size_t method) {
  const auto& all = comparison.statistics.quality;
  const auto intervals = method < all.size() ? all[method] : QualityIntervals{};
  const auto& own = intervals.evidence_kept_reason;
  return measured(intervals.evidence_kept, own.empty() ? intervals.reason : own);
}

}  // namespace

std::optional<EvidenceNumbers> evidence_numbers(const Comparison& comparison, std::size_t method) {
  if (!comparison.has_evidence()) return std::nullopt;
  const auto& result = comparison.methods.at(method);
  if (!result.totals) return without_numbers(why_no_totals(result));
  if (!result.totals->sums.evidence) return without_numbers(kNotCounted);
  const auto& counts = *result.totals->sums.evidence;
  return EvidenceNumbers{.evidence_spans = {counts.spans, {}},
                         .evidence_keys = {counts.keys, {}},
                         .evidence_keys_kept = {counts.keys_kept, {}},
                         .evidence_kept = share(counts.keys_kept, counts.keys, ""),
                         .evidence_kept_ci95 = interval_of(comparison, method),
                         .evidence_kept_exact = share(counts.keys_kept_exact, counts.keys_exact,
                                                      "no scored range with evidence is exact"),
                         .evidence_kept_missed =
                             share(counts.keys_kept - counts.keys_kept_exact, counts.keys - counts.keys_exact,
                                   "every scored range with evidence is exact"),
                         .spans_missed_evicted = {counts.spans_missed_evicted, {}},
                         .spans_missed_kept = {counts.spans_missed_kept(), {}}};
}

}  // namespace kvcompare
