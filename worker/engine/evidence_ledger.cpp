#include "worker/engine/evidence_ledger.h"

namespace kvcompare {

SpanEvidence no_keys_yet(const Sample& sample, const std::vector<SpanWithEvidence>& spans) {
  if (spans.empty()) return {};
  const std::vector<std::int64_t> none(sample.scored.size(), 0);
  return {.keys = none, .keys_kept = none};
}

EvidenceLedger::EvidenceLedger(const Sample& sample, const Chunking& chunking)
    : chunking_(chunking), spans_(spans_with_evidence(sample)), counts_(no_keys_yet(sample, spans_)) {}

void EvidenceLedger::add_head(std::span<const DeathTime> deaths) {
  for (const auto& span : spans_) {
    counts_.keys[span.place] += span.n_tokens();
    for (const auto& [begin, end] : span.evidence)
      for (auto j = begin; j < end; ++j)
        if (span.first_query < chunking_.sees_until(deaths[static_cast<std::size_t>(j)]))
          ++counts_.keys_kept[span.place];
  }
}

}  // namespace kvcompare
