#include "presses/rope.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

namespace kvcompare {
namespace {

const std::vector<double> kFrequencies{1.0, 0.3, 1e-3, 1e-9};

Rope rope() { return Rope(at::tensor(kFrequencies, at::kDouble)); }

TEST(Rope, TurnsEachPairByPositionTimesFrequency) {
  const auto x = at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0}, at::kDouble).unsqueeze(0);
  const auto y = rotate(x, rope().at(/*first_position=*/11, /*n_positions=*/1));
  for (int c = 0; c < 4; ++c) {
    const double angle = 11 * kFrequencies[static_cast<std::size_t>(c)];
    const double a = c + 1, b = c + 5;
    EXPECT_NEAR(y[0][c].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-14);
    EXPECT_NEAR(y[0][c + 4].item<double>(), b * std::cos(angle) + a * std::sin(angle), 1e-14);
  }
}

TEST(Rope, MeanIsTheMeanOfTheRotations) {
  for (const std::int64_t first : {0, 5, 8191, 200000})
    for (const std::int64_t n : {1, 2, 512}) {
      const auto mean = rope().mean(first, n);
      for (std::size_t c = 0; c < kFrequencies.size(); ++c) {
        double cos = 0, sin = 0;
        for (std::int64_t p = first; p < first + n; ++p) {
          cos += std::cos(static_cast<double>(p) * kFrequencies[c]) / static_cast<double>(n);
          sin += std::sin(static_cast<double>(p) * kFrequencies[c]) / static_cast<double>(n);
        }
        EXPECT_NEAR(mean.cos[0][static_cast<std::int64_t>(c)].item<double>(), cos, 1e-10)
            << first << " " << n;
        EXPECT_NEAR(mean.sin[0][static_cast<std::int64_t>(c)].item<double>(), sin, 1e-10)
            << first << " " << n;
      }
    }
}

TEST(Rope, KeepsTheTypeOfWhatItTurns) {
  EXPECT_EQ(rotate(at::ones({1, 8}, at::kBFloat16), rope().at(3, 1)).scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace kvcompare
