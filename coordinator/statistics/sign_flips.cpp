#include "coordinator/statistics/sign_flips.h"

#include <cmath>

#include "coordinator/comparison/statistics.h"

namespace kvcompare {
namespace {

constexpr double kRounding = 1e-12;  // of the sum of absolute differences

}  // namespace

SignFlips::SignFlips(const SummedColumns& columns, int n_threads)
    : columns_(columns), flipped_(Weights::kSigns, columns.of_nll(), kResamples, n_threads) {}

double SignFlips::p_value(std::size_t a, std::size_t b) const {
  const double least =
      std::abs(columns_.nll_difference(a, b)) - kRounding * columns_.sum_of_absolute_differences(a, b);
  std::int64_t n_as_far = 1;
  for (std::size_t r = 0; r < static_cast<std::size_t>(kResamples); ++r)
    if (std::abs(columns_.nll_difference(a, b, flipped_, r)) >= least) ++n_as_far;
  return static_cast<double>(n_as_far) / static_cast<double>(1 + kResamples);
}

}  // namespace kvcompare
