// What became of the evidence of scored ranges under an instance. Definitions: docs/semantics.md, section 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/measured.h"

namespace kvcompare {

struct EvidenceNumbers {
  Measured<std::int64_t> evidence_spans;  // scored ranges that have evidence
  Measured<std::int64_t> evidence_keys;
  Measured<std::int64_t> evidence_keys_kept;
  Measured<double> evidence_kept;  // share of the keys
  Measured<Interval> evidence_kept_ci95;
  Measured<double> evidence_kept_exact;   // the same, of exact ranges
  Measured<double> evidence_kept_missed;  // of the other ranges
  Measured<std::int64_t> spans_missed_evicted;
  Measured<std::int64_t> spans_missed_kept;
};

// Absent if the run counted no evidence.
//   method : place in Comparison::methods
std::optional<EvidenceNumbers> evidence_numbers(const Comparison& comparison, std::size_t method);

// Calls visit(name, unit, number) for each.
template <class Visit>
void visit_evidence(const EvidenceNumbers& numbers, const Visit& visit) {
  const auto& [evidence_spans, evidence_keys, evidence_keys_kept, evidence_kept, evidence_kept_ci95,
               evidence_kept_exact, evidence_kept_missed, spans_missed_evicted, spans_missed_kept] = numbers;
  visit("evidence_spans", "ranges", evidence_spans);
  visit("evidence_keys", "keys", evidence_keys);
  visit("evidence_keys_kept", "keys", evidence_keys_kept);
  visit("evidence_kept", "", evidence_kept);
  visit("evidence_kept_ci95", "", evidence_kept_ci95);
  visit("evidence_kept_exact", "", evidence_kept_exact);
  visit("evidence_kept_missed", "", evidence_kept_missed);
  visit("spans_missed_evicted", "ranges", spans_missed_evicted);
  visit("spans_missed_kept", "ranges", spans_missed_kept);
}

}  // namespace kvcompare
