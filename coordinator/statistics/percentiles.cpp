#include "coordinator/statistics/percentiles.h"

#include <algorithm>
#include <cmath>

#include "common/errors.h"

namespace kvcompare {
namespace {

double percentile(std::span<double> values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = values.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(values.begin(), below, values.end());
  if (below + 1 == values.end()) return *below;
  const double above = *std::min_element(below + 1, values.end());
  return *below + (above - *below) * (place - std::floor(place));
}

}  // namespace

Interval middle_95_percent(std::span<double> values) {
  require(!values.empty(), "an interval of no values");
  return {percentile(values, 0.025), percentile(values, 0.975)};
}

}  // namespace kvcompare
