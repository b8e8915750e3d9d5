#include "coordinator/statistics/attainable.h"

#include <algorithm>
#include <cmath>

namespace kvcompare {

double smallest_p_value(std::int64_t n_samples) {
  return std::max(1.0 / (kResamples + 1),
                  std::ldexp(1.0, static_cast<int>(1 - std::min<std::int64_t>(n_samples, 64))));
}

bool pairs_can_differ(const Comparison& comparison) {
  const auto& pairs = comparison.statistics.differences;
  const auto n_tested =
      std::ranges::count_if(pairs, [](const Difference& pair) { return pair.p_value.has_value(); });
  const auto n_samples = std::ssize(comparison.methods.at(0).per_sample);
  return static_cast<double>(n_tested) * smallest_p_value(n_samples) < kSignificance;
}

}  // namespace kvcompare
