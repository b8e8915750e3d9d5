// Splits NLLs into two parts, so that sums of them, and differences of those sums, are exact. Then two
// methods that agree on a sample differ by exactly 0 there, and sign flips whose sums are equal in truth are
// equal in the program.
#pragma once

#include <cstddef>
#include <vector>

namespace kvcompare {

struct ExactHalves {
  std::vector<std::vector<double>> high;  // [n_columns][n_samples], multiples of one power of two
  std::vector<std::vector<double>> low;   // the rest; at most half of that power of two
};

// Sums of n_samples values are exact in the high part, and so are differences of two such sums, if the values
// are weighted by whole numbers whose magnitudes add up to n_samples. Those of the low part are wrong by at
// most 2^-100 of the largest possible sum.
//   columns : [n_columns][n_samples], finite
ExactHalves exact_halves(const std::vector<std::vector<double>>& columns);

}  // namespace kvcompare
