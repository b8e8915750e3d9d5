// Sums of powers over scored tokens, and percentiles: what the uncertainties of llama-perplexity are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/comparison/comparison.h"
#include "coordinator/reports/read_run.h"

namespace kvcompare {

// Over the scored tokens of an instance (p) and of the baseline (p0).
struct NllMoments {
  double sum_squares = 0;           // of the NLL, in nats squared
  double sum_squares_baseline = 0;  // of the baseline's NLL
  double sum_products = 0;          // of the two

  friend bool operator==(const NllMoments&, const NllMoments&) = default;
};

// The least, the largest and every other percentile of tokens, whether they are known one by one or from a
// sketch.
class TokenDistribution {
 public:
  // numbers : at least one
  explicit TokenDistribution(std::vector<double> numbers);
  // sketch : not empty
  explicit TokenDistribution(const QuantileSketch& sketch);

  // 0 <= percent <= 100. Of numbers known one by one: linear between order statistics, as llama-perplexity
  // has it. Of a sketch: nearest rank, off by at most 0.4 %.
  double percentile(double percent) const;
  // Of a sketch each number counts as the middle of its bucket.
  double sum_of_powers(int power) const;

 private:
  std::vector<double> sorted_{};
  QuantileSketch sketch_{};
};

struct TokenMoments {
  std::optional<NllMoments> nll{};  // absent: the run did not keep the NLL of each scored token
  TokenDistribution kl;
  TokenDistribution delta_p;
};

// Token by token where the run kept them (--save_token_nll) and it is known which of them are scored: all, or
// those that --save_tokens kept. Else from sketches. Absent if the instance has no totals, or its
// distributions were not compared with the baseline's.
//   method : place in Comparison::methods
std::optional<TokenMoments> token_moments(const Comparison& comparison, std::size_t method,
                                          const ReadRun& read);

}  // namespace kvcompare
