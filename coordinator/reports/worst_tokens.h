// The tokens that a method predicts worst, compared with the baseline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/read_run.h"

namespace kvcompare {

struct WorstToken {
  SampleIndex sample{};
  std::int64_t position = 0;   // in the sample, from 0
  double nll = 0;              // nats
  double nll_baseline = 0;     // nats
  std::optional<double> kl{};  // nats; absent if distributions were not compared
  // Share of the keys of the evidence of its scored range that are kept; absent if the range has none.
  std::optional<double> evidence_kept{};

  double nll_delta() const { return nll - nll_baseline; }
  friend bool operator==(const WorstToken&, const WorstToken&) = default;
};

// How a token stands in its text, as people read it.
struct TokenInText {
  std::string before;
  std::string token;
  std::string after;
  friend bool operator==(const TokenInText&, const TokenInText&) = default;
};

struct ShownToken {
  WorstToken numbers{};
  TokenInText text{};
};

// Returns the n scored tokens with the largest ΔNLL, or all if there are fewer: the largest first, of equals
// the first in the data. Samples that failed under the instance or the baseline are left out. Empty for the
// baseline. The run must have kept NLLs and tokens (save_token_nll, save_tokens).
//   method : place in Comparison::methods
std::vector<WorstToken> worst_tokens(const Comparison& comparison, std::size_t method, std::size_t n,
                                     const ReadRun& read);

}  // namespace kvcompare
