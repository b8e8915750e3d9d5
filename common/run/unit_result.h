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

namespace kvcompare {

inline constexpr std::int64_t kPositionBins = 64;

// The bin of a position: equal shares of [0, n_tokens), in order.
constexpr std::size_t position_bin(std::int64_t position, std::int64_t n_tokens) {
  return static_cast<std::size_t>(position * kPositionBins / n_tokens);
}

// Counts of keys, all layers and KV heads of one sample. Definitions: docs/semantics.md, section 4.
struct KeyCounts {
  std::int64_t n_layers = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t original = 0;                // n_tokens * n_layers * n_kv_heads
  std::vector<std::int64_t> kept_per_head;  // [n_layers * n_kv_heads], alive after the last event
  std::array<std::int64_t, kPositionBins> kept_by_position{};  // the same keys, by position_bin(); all heads
  std::int64_t attended = 0;                                   // keys seen by all queries
  std::int64_t attendable = 0;                                 // keys they would have seen without eviction
  std::int64_t withheld_from_scored = 0;  // attendable - attended of the queries whose prediction is scored
  std::int64_t compressible = 0;          // keys with n_sink <= j < n_tokens - window
  std::int64_t compressible_kept = 0;
  std::int64_t peak = 0;  // most keys cached at once

  std::int64_t kept() const;  // sum of kept_per_head
};

struct UnitResult {
  UnitId unit;
  std::int64_t n_tokens = 0;      // of the sample, after truncation
  std::vector<double> token_nll;  // [n_tokens - 1], nats
  double total_nll = 0;           // their sum, in order
  NllByPosition nll_by_position{};
  KeyCounts keys;
  double seconds = 0;
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
