#include "coordinator/statistics/percentiles.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

// Of 41 values the percentiles are the second of either end; of 0 ... 8 they lie at 0.2 and 7.8.
TEST(Percentiles, AreLinearBetweenOrderStatistics) {
  std::vector<double> values;
  for (int i = 0; i < 41; ++i) values.push_back((i * 7) % 41);
  const auto interval = middle_95_percent(values);
  EXPECT_DOUBLE_EQ(interval.low, 1);
  EXPECT_DOUBLE_EQ(interval.high, 39);
  std::vector<double> nine{3, 8, 1, 0, 5, 6, 2, 7, 4};
  EXPECT_DOUBLE_EQ(middle_95_percent(nine).low, 0.2);
  EXPECT_DOUBLE_EQ(middle_95_percent(nine).high, 7.8);
  std::vector<double> one{5};
  EXPECT_EQ(middle_95_percent(one), (Interval{5, 5}));
}

}  // namespace
}  // namespace kvcompare
