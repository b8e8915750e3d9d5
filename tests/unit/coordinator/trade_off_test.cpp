#include "coordinator/statistics/trade_off.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/statistics/holm.h"
#include "coordinator/statistics/percentiles.h"
#include "coordinator/statistics/sweeps.h"

namespace kvcompare {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

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

// 0.01 * 4, 0.02 * 3, 0.03 * 2, and 0.04 may not be less than what came before.
TEST(Holm, MultipliesByTheNumberOfTestsThatAreLeft) {
  EXPECT_THAT(holm({0.04, 0.01, 0.03, 0.02}),
              ElementsAre(DoubleEq(0.06), DoubleEq(0.04), DoubleEq(0.06), DoubleEq(0.06)));
}

TEST(Holm, NeverExceedsOne) {
  EXPECT_THAT(holm({0.9, 0.6}), ElementsAre(1.0, 1.0));
  EXPECT_THAT(holm({}), testing::IsEmpty());
}

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

MethodSpec streaming(double ratio, std::int64_t n_sink) {
  return {"streaming_llm", "StreamingLLM", RatioBudget{ratio}, {.n_sink = n_sink}, {"n_sink"}};
}

MethodSpec kvzap(double threshold, std::int64_t window) {
  return {"kvzap", "KVzap", ScoreThreshold{threshold, window}, {}, {"kvzap_n_sink"}};
}

MethodSpec expected(double ratio, bool use_covariance, std::int64_t n_future) {
  return {"expected_attention",
          "ExpectedAttention",
          RatioBudget{ratio},
          {.n_future_positions = n_future, .use_covariance = use_covariance},
          {"n_sink", "n_future_positions", "use_covariance"}};
}

const MethodSpec kBaseline{"baseline", "Baseline", KeepAll{}, {}};

std::vector<std::string> labels(const std::vector<MethodSpec>& methods) {
  std::vector<std::string> result;
  for (const auto& sweep : sweeps_of(methods)) result.push_back(sweep.label);
  return result;
}

TEST(Sweeps, HoldInstancesThatDifferInStrengthAlone) {
  const auto sweeps = sweeps_of({kBaseline, streaming(0.2, 4), streaming(0.9, 8), kvzap(-6, 128),
                                 streaming(0.7, 4), kvzap(-4, 128), streaming(0.1, 4)});
  ASSERT_EQ(sweeps.size(), 2u);
  EXPECT_THAT(sweeps[0].points, ElementsAre(MethodIndex(1), MethodIndex(4), MethodIndex(6)));
  EXPECT_EQ(sweeps[0].method_name, "StreamingLLM");
  EXPECT_THAT(sweeps[1].points, ElementsAre(MethodIndex(3), MethodIndex(5)));
}

TEST(Sweeps, AreLabelledByWhatTellsThemApart) {
  EXPECT_THAT(labels({kBaseline, streaming(0.2, 4), streaming(0.9, 4)}), ElementsAre("StreamingLLM"));
  EXPECT_THAT(labels({kBaseline, streaming(0.2, 4), streaming(0.9, 4), streaming(0.2, 8), streaming(0.9, 8)}),
              ElementsAre("StreamingLLM n_sink 4", "StreamingLLM n_sink 8"));
  EXPECT_THAT(labels({kBaseline, kvzap(-4, 128), kvzap(-6, 128), kvzap(-4, 64), kvzap(-6, 64)}),
              ElementsAre("KVzap sliding_window_size 128", "KVzap sliding_window_size 64"));
  EXPECT_THAT(labels({kBaseline, expected(0.2, true, 512), expected(0.4, true, 512),
                      expected(0.2, false, 512), expected(0.4, false, 512)}),
              ElementsAre("ExpectedAttention use_covariance true", "ExpectedAttention use_covariance false"));
}

}  // namespace
}  // namespace kvcompare
