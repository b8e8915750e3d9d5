// Counts the keys of one sample from the death times of its layers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/data/sample.h"
#include "common/run/method_spec.h"
#include "common/run/unit_result.h"
#include "presses/policy/death_times.h"
#include "worker/engine/evidence_ledger.h"
#include "worker/engine/token_distributions.h"

namespace kvcompare {

class KeyLedger {
 public:
  KeyLedger(const Chunking& chunking, const MethodSpec& method, std::int64_t n_layers,
            std::int64_t n_kv_heads, EvidenceLedger evidence = {});

  // Adds a KV head. Heads must be added in order: all of layer 0, then all of layer 1, ...
  //   deaths : [n_tokens]
  void add_head(std::span<const DeathTime> deaths);

  // All to be called when all heads have been added.
  KeyCounts counts(ScoredTokens scored = {}) const;
  KeptKeys kept() const;
  const SpanEvidence& span_evidence() const { return evidence_.counts(); }

 private:
  const Chunking chunking_;
  std::int64_t first_compressible_;
  std::int64_t end_compressible_;
  KeyCounts counts_;
  KeptKeys kept_;
  std::vector<std::int64_t> n_dying_;    // [n_events], all heads
  std::vector<std::int64_t> n_kept_at_;  // [n_tokens], number of heads that keep the position
  EvidenceLedger evidence_;
};

// The result of a sample whose heads are all counted; the seconds and the method's place are left to the
// caller.
UnitResult result_of(const Sample& sample, TokenDistributions tokens, const KeyLedger& ledger);

}  // namespace kvcompare
