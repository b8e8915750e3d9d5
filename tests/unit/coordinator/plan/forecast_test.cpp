#include "coordinator/plan/forecast.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

PlannedUnit planned(std::int64_t sample, std::int64_t method, double cost) {
  return {.unit = {SampleIndex(sample), MethodIndex(method)}, .n_tokens = 1000, .cost = cost};
}

TEST(Forecast, AddsUpWhatIsLeftAndKnowsNoTimeBeforeSomethingIsMeasured) {
  const std::vector all{planned(0, 0, 10), planned(0, 1, 20), planned(1, 0, 30), planned(1, 1, 40)};
  const auto forecasts = forecast(all, {all[1], all[2], all[3]}, {}, 2);
  ASSERT_EQ(forecasts.size(), 2u);
  EXPECT_EQ(forecasts[0].n_units, 1);
  EXPECT_EQ(forecasts[0].cost, 30);
  EXPECT_EQ(forecasts[1].n_units, 2);
  EXPECT_EQ(forecasts[1].cost, 60);
  EXPECT_FALSE(forecasts[0].seconds || forecasts[1].seconds);
}

// 3 seconds for a cost of 10, and nothing else is known: 0.3 for every 1.
TEST(Forecast, TimeIsThatOfTheUnitsInTheJournal) {
  const std::vector all{planned(0, 0, 10), planned(0, 1, 20), planned(1, 1, 40)};
  const UnitTable known{{all[0].unit, {.summary = UnitNumbers{}, .seconds = 3}},
                        {all[1].unit, {.n_failed = 1, .reason = "a failed attempt is no measurement"}}};
  const auto forecasts = forecast(all, {all[1], all[2]}, known, 2);
  EXPECT_EQ(forecasts[0].n_units, 0);
  EXPECT_FALSE(forecasts[0].seconds);
  ASSERT_TRUE(forecasts[1].seconds);
  EXPECT_NEAR(*forecasts[1].seconds, 18, 1e-9);
}

}  // namespace
}  // namespace kvcompare
