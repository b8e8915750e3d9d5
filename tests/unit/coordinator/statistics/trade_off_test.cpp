#include "coordinator/statistics/trade_off.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

TEST(TradeOff, IsLinearBetweenNeighbours) {
  const std::vector<TradeOffPoint> points{{0.8, 1}, {0.2, 9}, {0.4, 5}};
  EXPECT_DOUBLE_EQ(cost_at(0.6, points).value(), 3);
  EXPECT_DOUBLE_EQ(cost_at(0.25, points).value(), 8);
}

TEST(TradeOff, HasItsPointsAndNothingBeyondTheEnds) {
  const std::vector<TradeOffPoint> points{{0.8, 1}, {0.2, 9}, {0.4, 5}};
  EXPECT_EQ(cost_at(0.8, points), 1);
  EXPECT_EQ(cost_at(0.2, points), 9);
  EXPECT_EQ(cost_at(0.4, points), 5);
  EXPECT_EQ(cost_at(0.801, points), std::nullopt);
  EXPECT_EQ(cost_at(0.199, points), std::nullopt);
  EXPECT_EQ(cost_at(0.5, {}), std::nullopt);
}

TEST(TradeOff, TakesTheMeanOfPointsOfOneDensity) {
  const std::vector<TradeOffPoint> points{{0.5, 2}, {0.5, 4}, {1, 0}};
  EXPECT_DOUBLE_EQ(cost_at(0.5, points).value(), 3);
  EXPECT_DOUBLE_EQ(cost_at(0.75, points).value(), 1.5);
}

}  // namespace
}  // namespace kvcompare
