#include "coordinator/statistics/trade_off.h"

namespace kvcompare {
namespace {

double mean_at(double density, std::span<const TradeOffPoint> points) {
  double sum = 0;
  int n = 0;
  for (const auto& point : points)
    if (point.density == density) {
      sum += point.avg_nll_delta;
      ++n;
    }
  return sum / n;
}

}  // namespace

std::optional<double> cost_at(double density, std::span<const TradeOffPoint> points) {
  std::optional<double> below, above;  // the nearest densities
  for (const auto& point : points) {
    if (point.density <= density && (!below || point.density > *below)) below = point.density;
    if (point.density >= density && (!above || point.density < *above)) above = point.density;
  }
  if (!below || !above) return std::nullopt;
  const double cost_below = mean_at(*below, points);
  if (*below == *above) return cost_below;
  const double share = (density - *below) / (*above - *below);
  return cost_below + share * (mean_at(*above, points) - cost_below);
}

}  // namespace kvcompare
