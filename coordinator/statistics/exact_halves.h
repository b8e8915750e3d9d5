// NLLs split so that sums of them, and differences of those sums, are exact. Two methods that agree on a
// sample then differ by exactly nothing there, and flips of signs that tie in truth tie in the program.
#pragma once

#include <cstddef>
#include <vector>

namespace kvcompare {

struct ExactHalves {
  std::vector<std::vector<double>> high;  // [n_columns][n_samples], multiples of one power of two
  std::vector<std::vector<double>> low;   // what is left; at most half of that power of two
};

// Sums of n_samples values, weighted by whole numbers whose magnitudes add up to n_samples, are exact in the
// high half, and so are differences of two of them. Those of the low half are wrong by at most 2^-100 of the
// largest sum that there may be.
//   columns : [n_columns][n_samples], finite
ExactHalves exact_halves(const std::vector<std::vector<double>>& columns);

}  // namespace kvcompare
