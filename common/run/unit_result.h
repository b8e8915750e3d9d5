// What evaluating a unit yields.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/run/nll_bins.h"
#include "common/run/quantile_sketch.h"
#include "common/run/unit_numbers.h"
#include "common/scored_tokens.h"

namespace kvcompare {

inline constexpr std::int64_t kPositionBins = 64;

// The bin of a position: equal shares of [0, n_tokens), in order.
constexpr std::size_t position_bin(std::int64_t position, std::int64_t n_tokens) {
  return static_cast<std::size_t>(position * kPositionBins / n_tokens);
}

// Where the keys that are alive after the last event belong.
struct KeptKeys {
  std::int64_t n_layers = 0;
  std::int64_t n_kv_heads = 0;                            // of a layer
  std::vector<std::int64_t> per_head;                     // [n_layers * n_kv_heads]
  std::array<std::int64_t, kPositionBins> by_position{};  // the same keys, by position_bin(); all heads

  static constexpr std::array kFields{"n_layers", "n_kv_heads", "kept_per_head", "kept_by_position"};
  friend bool operator==(const KeptKeys&, const KeptKeys&) = default;

  std::int64_t n() const;  // sum of per_head
};

// Scored tokens of a unit by the size of their numbers. Empty where Divergence is absent.
struct DivergenceSketches {
  QuantileSketch kl{};       // nats
  QuantileSketch delta_p{};  // p - p0 of the true token

  static constexpr std::array kFields{"kl_sketch", "delta_p_sketch"};
  friend bool operator==(const DivergenceSketches&, const DivergenceSketches&) = default;
};

// Of every predicted token, scored or not: [n_tokens - 1] each. May be left out; all but greedy_hit are empty
// where Divergence is absent.
struct TokenQuality {
  std::vector<std::uint8_t> greedy_hit{};  // 0 or 1
  std::vector<double> kl{};                // nats
  std::vector<double> delta_p{};
  std::vector<std::uint8_t> same_top1{};  // 0 or 1

  static constexpr std::array kFields{"token_greedy_hit", "token_kl", "token_delta_p", "token_same_top1"};
  friend bool operator==(const TokenQuality&, const TokenQuality&) = default;
};

// Of every scored range of a unit with EvidenceCounts: [UnitResult::scored] each, 0 where a range has no
// evidence. May be left out; empty where EvidenceCounts is absent.
struct SpanEvidence {
  std::vector<std::int64_t> keys{};
  std::vector<std::int64_t> keys_kept{};

  static constexpr std::array kFields{"span_evidence_keys", "span_evidence_keys_kept"};
  friend bool operator==(const SpanEvidence&, const SpanEvidence&) = default;
};

struct UnitResult {
  UnitId unit;
  UnitNumbers numbers{};
  KeptKeys kept{};
  std::vector<TokenRange> scored{};  // ScoredTokens; empty: every token but the first
  std::vector<double> token_nll{};   // [n_tokens - 1], nats, scored or not; may be left out
  NllByPosition nll_by_position{};
  DivergenceSketches sketches{};
  TokenQuality token_quality{};
  SpanEvidence span_evidence{};
  double seconds = 0;
  friend bool operator==(const UnitResult&, const UnitResult&) = default;
};

// The first law of conservation that the counts of a result break, as text; empty if they agree with each
// other, with the sample's length, and with token_nll where it is there.
std::optional<std::string> broken_law(const UnitResult& result);

// A unit that could not be evaluated. Data, not an exception: the others go on.
struct UnitFailure {
  UnitId unit;
  std::string reason;
};

using UnitOutcome = std::variant<UnitResult, UnitFailure>;

}  // namespace kvcompare
