#include "coordinator/statistics/holm.h"

#include <algorithm>
#include <numeric>

namespace kvcompare {

std::vector<double> holm(const std::vector<double>& p_values) {
  std::vector<std::size_t> ascending(p_values.size());
  std::iota(ascending.begin(), ascending.end(), std::size_t{0});
  std::ranges::stable_sort(ascending, {}, [&](auto i) { return p_values[i]; });
  std::vector<double> corrected(p_values.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < ascending.size(); ++rank) {
    const auto n_left = static_cast<double>(ascending.size() - rank);
    largest = std::max(largest, std::min(1.0, n_left * p_values[ascending[rank]]));
    corrected[ascending[rank]] = largest;
  }
  return corrected;
}

}  // namespace kvcompare
