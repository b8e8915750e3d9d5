// The curve of a sweep: the cost in NLL at each attended density.
#pragma once

#include <optional>
#include <span>

namespace kvcompare {

struct TradeOffPoint {
  double density = 0;        // attended_density
  double avg_nll_delta = 0;  // nats a token
};

// The cost at a density, linear between the neighbouring points; absent beyond the ends. Points of the same
// density count as one point with the mean of their costs. The points may come in any order.
std::optional<double> cost_at(double density, std::span<const TradeOffPoint> points);

}  // namespace kvcompare
