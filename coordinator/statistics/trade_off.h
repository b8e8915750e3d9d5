// The curve of a sweep: what a density costs.
#pragma once

#include <optional>
#include <span>

namespace kvcompare {

struct TradeOffPoint {
  double density = 0;        // attended_density
  double avg_nll_delta = 0;  // nats a token
};

// Linear between the neighbouring points; absent beyond the ends. Points of one density count as one, whose
// cost is their mean. Takes the points in any order.
std::optional<double> cost_at(double density, std::span<const TradeOffPoint> points);

}  // namespace kvcompare
