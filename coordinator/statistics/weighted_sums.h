// Sums over samples, each sample counted by a random weight: the resamples of the bootstrap and the flips of
// the sign-flip test. Definitions of the draws: docs/semantics.md, "Statistics".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvcompare {

enum class Weights {
  kTimesDrawn,  // how often each sample is drawn, in as many draws with replacement as there are samples
  kSigns,       // 1 or -1
};

class WeightedSums {
 public:
  //   columns : [n_columns][n_samples]
  // All columns are summed with the same weights, once for each of n_resamples resamples.
  WeightedSums(Weights weights, std::span<const std::vector<double>> columns, std::int64_t n_resamples,
               int n_threads);

  // [n_resamples]
  std::span<const double> of(std::size_t column) const {
    return std::span(sums_).subspan(column * n_resamples_, n_resamples_);
  }

 private:
  std::size_t n_resamples_;
  std::vector<double> sums_;  // [n_columns, padded][n_resamples]
};

}  // namespace kvcompare
