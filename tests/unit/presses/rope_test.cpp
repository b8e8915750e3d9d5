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

// By hand: 1 up to position 7, 1 + 0.5 ln 2 from 8 on, 1 + 0.5 ln 3 from 16 on.
TEST(Rope, ScalesQueriesByTheirPosition) {
  const Rope scaled(at::tensor(kFrequencies, at::kDouble), {}, {.beta = 0.5, .n_unscaled = 8});
  const auto keys = scaled.at(/*first_position=*/5, /*n_positions=*/12);
  const auto queries = scaled.for_queries(keys, 5);
  for (std::int64_t position = 5; position < 17; ++position) {
    const double scale = position < 8 ? 1 : position < 16 ? 1.34657359027997 : 1.54930614433405;
    for (std::int64_t c = 0; c < 4; ++c) {
      const double angle = static_cast<double>(position) * kFrequencies[static_cast<std::size_t>(c)];
      EXPECT_NEAR(queries.cos[position - 5][c].item<double>(), scale * std::cos(angle), 1e-13) << position;
      EXPECT_NEAR(queries.sin[position - 5][c].item<double>(), scale * std::sin(angle), 1e-13) << position;
      EXPECT_NEAR(keys.cos[position - 5][c].item<double>(), std::cos(angle), 1e-13) << position;
    }
  }
  EXPECT_TRUE(scaled.for_queries(keys, -4).cos.is_same(keys.cos)) << "no position is behind the first 8";
  EXPECT_TRUE(rope().for_queries(keys, 1000).cos.is_same(keys.cos));
}

TEST(Rope, KeepsTheTypeOfWhatItTurns) {
  EXPECT_EQ(rotate(at::ones({1, 8}, at::kBFloat16), rope().at(3, 1)).scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace kvcompare
