#include "coordinator/statistics/exact_halves.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvcompare {
namespace {

// The exponent of the power of two whose multiples add up exactly: a difference of two sums has at most as
// many digits above it as a double has.
int exponent_of_grain(const std::vector<std::vector<double>>& columns) {
  double largest = 0;
  for (const auto& column : columns)
    for (const double value : column)
      largest = std::max(largest, std::abs(value) * 2 * static_cast<double>(column.size()));
  int exponent = 0;
  std::frexp(largest, &exponent);  // largest < 2^exponent
  return exponent - std::numeric_limits<double>::digits;
}

}  // namespace

ExactHalves exact_halves(const std::vector<std::vector<double>>& columns) {
  const int grain = exponent_of_grain(columns);
  ExactHalves halves{columns, columns};
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t s = 0; s < columns[c].size(); ++s) {
      const double high = std::ldexp(std::nearbyint(std::ldexp(columns[c][s], -grain)), grain);
      halves.high[c][s] = high;
      halves.low[c][s] = columns[c][s] - high;
    }
  return halves;
}

}  // namespace kvcompare
