#include "coordinator/statistics/exact_halves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

// Numbers that no double can add up: 2^40 + 1 and multiples of 2^-40 beside them.
TEST(ExactHalves, MakeSumsExact) {
  const double tiny = 0x1p-40;
  const std::vector<std::vector<double>> columns{{0x1p40, 3 * tiny, 0x1p40, -tiny},
                                                 {0x1p40, tiny, 0x1p40, tiny}};
  const auto halves = exact_halves(columns);
  double high[2] = {}, low[2] = {};
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t s = 0; s < 4; ++s) {
      EXPECT_EQ(halves.high[c][s] + halves.low[c][s], columns[c][s]);
      high[c] += (s < 2 ? 2 : -2) * halves.high[c][s];
      low[c] += (s < 2 ? 2 : -2) * halves.low[c][s];
    }
  EXPECT_EQ((high[0] - high[1]) + (low[0] - low[1]), 8 * tiny);  // 2 * (3 + 1) - 2 * (1 - 1)
}

TEST(ExactHalves, OfZerosAreZeros) {
  const auto halves = exact_halves({{0, 0}});
  EXPECT_EQ(halves.high[0][1], 0);
  EXPECT_EQ(halves.low[0][1], 0);
}

}  // namespace
}  // namespace kvcompare
