// The comparison as plain data. Every report is made from it; aggregate.h makes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/data/sample.h"
#include "common/data/truncation.h"
#include "common/ids.h"
#include "common/run/found_threshold.h"
#include "common/run/method_spec.h"
#include "common/run/model_shape.h"
#include "common/run/nll_bins.h"
#include "common/run/numerics.h"
#include "common/run/run_spec.h"
#include "common/run/unit_numbers.h"
#include "common/run/unit_result.h"
#include "coordinator/comparison/statistics.h"
#include "coordinator/journal/fingerprint.h"
#include "coordinator/journal/journal_record.h"

namespace kvcompare {

struct SampleRow {
  SampleIndex sample;
  UnitNumbers numbers{};
};

struct FailedUnit {
  SampleIndex sample;
  std::string reason;
  int n_attempts = 0;
};

// Over all samples of the data set, in data-set order.
struct Totals {
  UnitNumbers sums{};             // peak: the largest of a sample
  std::int64_t total_tokens = 0;  // scored
  double avg_nll = 0;             // nats
  double perplexity = 0;
  double avg_compression_ratio = 0;  // fraction discarded
  double attended_density = 0;
  std::optional<double> compressible_density{};  // absent if no key was compressible
  bool has_text = false;                         // the scored tokens of every sample stand for text
  std::int64_t cache_bytes_end = 0;  // of the keys that are kept and their values, in the computation's dtype
  std::int64_t peak_cache_bytes = 0;  // of those of the peak

  std::int64_t keys_discarded() const { return sums.keys.original - sums.keys.kept; }
  double kept_fraction() const {
    return static_cast<double>(sums.keys.kept) / static_cast<double>(sums.keys.original);
  }
};

// The result of an instance, which is a method with its parameters.
struct MethodResult {
  MethodSpec spec;
  std::string label{};  // short and unique in the run, made of what differs: "StreamingLLM 0.75", "KVzap τ
                        // -6"
  std::optional<FoundThreshold> found_threshold{};  // absent: the threshold was given, or there is none
  std::optional<Totals> totals{};  // absent if a unit failed, because a part of the samples compares with
                                   // nothing
  std::vector<SampleRow> per_sample{};        // in data-set order, failed and skipped ones left out
  std::vector<FailedUnit> failed{};           // in data-set order
  double seconds = 0;                         // sum over units
  NllByPosition nll_by_position{};            // sums over the samples
  std::vector<std::int64_t> kept_per_head{};  // [n_evicting_layers * n_kv_heads], sums over the samples
  DivergenceSketches sketches{};              // of the scored tokens of all samples
};

// What a reader of the numbers must know. Made by warnings.h.
struct Warning {
  std::string code;      // "truncated", "one_chunk", ...
  std::string text;      // what, how often, and what to do about it
  std::string method{};  // the label of the instance; empty if it concerns all
  std::int64_t n_samples = 0;
};

struct Comparison {
  RunSpec spec;
  std::string fingerprint;  // of everything that can change a number, see fingerprint.h
  ModelShape model{};
  Places places{};
  InputHashes inputs{};
  std::vector<Numerics> numerics{};  // the arithmetic of the units that count, each kind once
  std::int64_t n_samples = 0;        // in the data set, after max_samples
  std::vector<SampleIndex> skipped;  // without a scored token
  std::vector<BadLine> bad_lines{};  // lines of the data set that skip_bad_lines left out
  Truncation truncated{};
  std::vector<Warning> warnings{};
  std::vector<MethodResult> methods{};  // [0] is the baseline
  Statistics statistics{};

  // Whether evidence of scored ranges was counted.
  bool has_evidence() const {
    for (const auto& method : methods) {
      if (method.totals && method.totals->sums.evidence) return true;
      if (method.totals) continue;
      for (const auto& row : method.per_sample)
        if (row.numbers.evidence) return true;
    }
    return false;
  }

  // Whether the data names the tokens that are scored, and leaves some out, so that NLL and perplexity are
  // not those of whole samples.
  bool scores_ranges() const {
    for (const auto& method : methods)
      for (const auto& row : method.per_sample)
        if (row.numbers.n_unscored > 0) return true;
    return false;
  }
};

}  // namespace kvcompare
