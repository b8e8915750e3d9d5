// NLL by absolute position: bins of equal width, a power of two tokens, the same for every sample of a run.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "common/scored_tokens.h"

namespace kvcompare {

inline constexpr std::int64_t kMostNllBins = 64;

// Tokens a bin: the smallest power of two with which samples of `max_length` tokens fill kMostNllBins at
// most.
constexpr std::int64_t nll_bin_width(std::int64_t max_length) {
  const auto least = (std::max<std::int64_t>(max_length, 1) + kMostNllBins - 1) / kMostNllBins;
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(least)));
}

// Bin b holds the scored tokens at positions [b * bin_width, (b + 1) * bin_width) of their sample. The
// token at position 0 is predicted by nothing. Both have as many bins as the longest sample reaches.
struct NllByPosition {
  std::int64_t bin_width = 0;          // tokens; 0: nothing is known
  std::vector<double> total_nll;       // nats, by bin
  std::vector<std::int64_t> n_scored;  // scored tokens, by bin

  static constexpr std::array kFields{"bin_width", "total_nll", "n_scored"};
  friend bool operator==(const NllByPosition&, const NllByPosition&) = default;
};

// token_nll : [n_tokens - 1], of the tokens at positions 1, 2, ...
NllByPosition nll_by_position(std::span<const double> token_nll, std::int64_t bin_width,
                              ScoredTokens scored = {});

}  // namespace kvcompare
