// Counts how much of the evidence of scored ranges is kept, from the death times of the layers.
#pragma once

#include <span>
#include <vector>

#include "common/data/evidence.h"
#include "common/run/unit_result.h"
#include "presses/policy/death_times.h"

namespace kvcompare {

// [Sample::scored] each, all 0; empty if no scored range has evidence.
SpanEvidence no_keys_yet(const Sample& sample, const std::vector<SpanWithEvidence>& spans);

class EvidenceLedger {
 public:
  EvidenceLedger() = default;  // counts nothing
  EvidenceLedger(const Sample& sample, const Chunking& chunking);

  // Adds a KV head of any layer.
  //   deaths : [n_tokens]
  void add_head(std::span<const DeathTime> deaths);

  // Of the heads so far.
  const SpanEvidence& counts() const { return counts_; }

 private:
  Chunking chunking_;
  std::vector<SpanWithEvidence> spans_;
  SpanEvidence counts_;
};

}  // namespace kvcompare
