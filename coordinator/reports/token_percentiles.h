// Percentiles over scored tokens, as reports name them. They are read from a sketch
// (common/run/quantile_sketch.h): each is off by at most 0.4 % of itself; the least and the largest number
// are exact.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>

#include "common/run/quantile_sketch.h"

namespace kvcompare {

struct TokenPercentile {
  const char* name;  // "99.9", "max"
  double percent;
};

// Of the KL divergence, in nats.
struct KlPercentiles {
  static constexpr std::array kPercentiles{TokenPercentile{"50", 50}, TokenPercentile{"90", 90},
                                           TokenPercentile{"99", 99}, TokenPercentile{"99.9", 99.9},
                                           TokenPercentile{"max", 100}};
  std::array<double, kPercentiles.size()> values{};
};

// Of the change in the probability of the true token.
struct DeltaPPercentiles {
  static constexpr std::array kPercentiles{
      TokenPercentile{"min", 0},  TokenPercentile{"0.1", 0.1}, TokenPercentile{"1", 1},
      TokenPercentile{"5", 5},    TokenPercentile{"10", 10},   TokenPercentile{"25", 25},
      TokenPercentile{"50", 50},  TokenPercentile{"75", 75},   TokenPercentile{"90", 90},
      TokenPercentile{"95", 95},  TokenPercentile{"99", 99},   TokenPercentile{"99.9", 99.9},
      TokenPercentile{"max", 100}};
  std::array<double, kPercentiles.size()> values{};
};

template <class T>
concept HasTokenPercentiles = std::same_as<T, KlPercentiles> || std::same_as<T, DeltaPPercentiles>;

// Absent if the sketch holds no number.
template <HasTokenPercentiles Percentiles>
std::optional<Percentiles> token_percentiles(const QuantileSketch& sketch) {
  if (sketch.n() == 0) return std::nullopt;
  Percentiles found;
  for (std::size_t i = 0; i < found.values.size(); ++i)
    found.values[i] = percentile(sketch, Percentiles::kPercentiles[i].percent);
  return found;
}

}  // namespace kvcompare
