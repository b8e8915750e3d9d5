#include "coordinator/plan/run_estimate.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr Rank kFirst(1), kSecond(2);

UnitId unit(std::int64_t sample, std::int64_t method = 0) {
  return {SampleIndex(sample), MethodIndex(method)};
}

// Of cost 10 and one length, samples 0 ... n - 1 under one method.
std::vector<PlannedUnit> equal_units(std::int64_t n) {
  std::vector<PlannedUnit> units;
  for (std::int64_t i = 0; i < n; ++i) units.push_back({.unit = unit(i), .n_tokens = 1000, .cost = 10});
  return units;
}

TEST(RunEstimate, KnowsNothingBeforeSomethingIsDone) {
  RunEstimate estimate(equal_units(2));
  EXPECT_EQ(estimate.outlook(0).share, 0);
  estimate.assigned(kFirst, {unit(0)}, 0);
  const auto outlook = estimate.outlook(100);
  EXPECT_EQ(outlook.share, 0);
  EXPECT_FALSE(outlook.seconds_left);
}

// A quarter of a unit in 5 s: a unit takes 20 s. Left: 15 s of this one, 20 s of the other.
TEST(RunEstimate, CountsWhatIsDoneInsideABatch) {
  RunEstimate estimate(equal_units(2));
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.work_done(kFirst, unit(0), 0.25, 5);
  const auto outlook = estimate.outlook(5);
  EXPECT_DOUBLE_EQ(outlook.share, 5.0 / 40);
  EXPECT_DOUBLE_EQ(outlook.seconds_left.value(), 35);
}

TEST(RunEstimate, GoesOnBetweenTwoMessages) {
  RunEstimate estimate(equal_units(2));
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.work_done(kFirst, unit(0), 0.25, 5);
  const auto outlook = estimate.outlook(9);  // the first that is shown: nothing is smoothed
  EXPECT_DOUBLE_EQ(outlook.share, 9.0 / 40);
  EXPECT_DOUBLE_EQ(outlook.seconds_left.value(), 31);
}

// Two methods at costs of 10, of which one unit took 20 s and 40 s; one of each is left: 60 s, nearly. After
// one unit a method is not yet believed to be quite so far from the others.
TEST(RunEstimate, LearnsHowSlowAMethodIs) {
  RunEstimate estimate({{.unit = unit(0, 0), .n_tokens = 1000, .cost = 10},
                        {.unit = unit(0, 1), .n_tokens = 1000, .cost = 10},
                        {.unit = unit(1, 0), .n_tokens = 1000, .cost = 10},
                        {.unit = unit(1, 1), .n_tokens = 1000, .cost = 10}});
  estimate.assigned(kFirst, {unit(0, 0), unit(0, 1)}, 0);
  estimate.unit_done(kFirst, unit(0, 0), 20, 60);
  estimate.unit_done(kFirst, unit(0, 1), 40, 60);
  const auto outlook = estimate.outlook(60);
  EXPECT_NEAR(outlook.share, 0.5, 0.005);
  EXPECT_NEAR(outlook.seconds_left.value(), 60, 0.5);
  // When the fast one is under way, what is left is the slow one.
  estimate.assigned(kFirst, {unit(1, 0)}, 60);
  estimate.unit_done(kFirst, unit(1, 0), 20, 80);
  estimate.assigned(kFirst, {unit(1, 1)}, 80);
  EXPECT_NEAR(estimate.outlook(80).seconds_left.value(), 40, 1);
}

// Two units of 10 s each by their own account, in a batch that took 30 s by the clock: the rest takes as
// long.
TEST(RunEstimate, CountsWhatUnitsDoNotReport) {
  RunEstimate estimate(equal_units(4));
  estimate.assigned(kFirst, {unit(0), unit(1)}, 0);
  estimate.unit_done(kFirst, unit(0), 10, 30);
  estimate.unit_done(kFirst, unit(1), 10, 30);
  EXPECT_DOUBLE_EQ(estimate.outlook(30).seconds_left.value(), 30);
}

// The next batch is in hand while the first is evaluated; its time begins when that one is reported.
TEST(RunEstimate, BeginsABatchWhenTheOneBeforeEnds) {
  RunEstimate estimate(equal_units(3));
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.assigned(kFirst, {unit(1)}, 0);
  estimate.unit_done(kFirst, unit(0), 10, 10);
  estimate.work_done(kFirst, unit(1), 0.5, 15);
  const auto outlook = estimate.outlook(15);
  EXPECT_DOUBLE_EQ(outlook.seconds_left.value(), 15);
  EXPECT_DOUBLE_EQ(outlook.share, 0.5);
}

TEST(RunEstimate, HeedsNoMessageOfABatchThatIsNotUnderWay) {
  RunEstimate estimate(equal_units(2));
  estimate.work_done(kSecond, unit(0), 0.5, 1);
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.assigned(kFirst, {unit(1)}, 0);
  estimate.work_done(kFirst, unit(1), 0.5, 1);
  estimate.work_done(kSecond, unit(0), 0.5, 1);
  EXPECT_EQ(estimate.outlook(5).share, 0);
}

// Four units of 10 s for two workers, one done by each; then two more are under way.
TEST(RunEstimate, SharesWhatIsLeftAmongTheWorkers) {
  RunEstimate estimate(equal_units(8));
  for (const auto worker : {kFirst, kSecond}) estimate.assigned(worker, {unit(worker.value)}, 0);
  for (const auto worker : {kFirst, kSecond}) estimate.unit_done(worker, unit(worker.value), 10, 10);
  const auto outlook = estimate.outlook(10);
  EXPECT_DOUBLE_EQ(outlook.share, 0.25);
  EXPECT_DOUBLE_EQ(outlook.seconds_left.value(), 30);
}

TEST(RunEstimate, NeverGoesBackAndIsWholeOnlyAtTheEnd) {
  RunEstimate estimate(equal_units(1));
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.work_done(kFirst, unit(0), 1, 10);
  EXPECT_DOUBLE_EQ(estimate.outlook(10).share, 0.999);
  estimate.unit_failed(kFirst, unit(0), false, 11);
  EXPECT_DOUBLE_EQ(estimate.outlook(12).share, 0.999);
  estimate.assigned(kFirst, {unit(0)}, 12);
  estimate.unit_done(kFirst, unit(0), 10, 22);
  EXPECT_EQ(estimate.outlook(22).share, 1);
  EXPECT_FALSE(estimate.outlook(22).seconds_left);
}

TEST(RunEstimate, CountsAUnitThatFailedForGoodAsSettled) {
  RunEstimate estimate(equal_units(1));
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.unit_failed(kFirst, unit(0), true, 1);
  EXPECT_EQ(estimate.outlook(1).share, 1);
}

TEST(RunEstimate, OfARunWithoutUnitsIsAtItsEnd) { EXPECT_EQ(RunEstimate({}).outlook(0).share, 1); }

// A unit of 100 is through after an eighth of a second: nothing is said of the end before 2 % of the work, or
// 3 s.
TEST(RunEstimate, TellsNoEndBeforeEnoughIsKnown) {
  RunEstimate estimate(equal_units(100));
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.unit_done(kFirst, unit(0), 0.125, 0.125);
  EXPECT_DOUBLE_EQ(estimate.outlook(0.125).share, 0.01);
  EXPECT_FALSE(estimate.outlook(0.125).seconds_left);
  estimate.assigned(kFirst, {unit(1), unit(2)}, 0.125);
  estimate.unit_done(kFirst, unit(1), 0.125, 0.375);
  estimate.unit_done(kFirst, unit(2), 0.125, 0.375);
  EXPECT_DOUBLE_EQ(estimate.outlook(0.375).share, 0.03);
  EXPECT_NEAR(estimate.outlook(0.375).seconds_left.value(), 97 * 0.125, 1e-9);
}

// Until 10 s all goes on at 10 s a unit, with 90 s left. Then a unit takes twice as long: what is expected
// jumps at once, what is shown follows. With about 100 s left its delay is 2 s.
TEST(RunEstimate, FollowsAJumpSlowly) {
  RunEstimate estimate(equal_units(10));
  estimate.assigned(kFirst, {unit(0)}, 0);
  estimate.unit_done(kFirst, unit(0), 10, 10);
  EXPECT_DOUBLE_EQ(estimate.outlook(10).seconds_left.value(), 90);
  estimate.assigned(kFirst, {unit(1)}, 10);
  estimate.unit_done(kFirst, unit(1), 20, 30);
  // 8 units of 15 s: the end is at 150 s, the one shown at 100 s. 20 s later it has followed almost.
  const auto shown = 30 + estimate.outlook(30).seconds_left.value();
  const auto follow = 1 - std::exp(-20 / (0.02 * 120));
  EXPECT_NEAR(shown, 100 + follow * 50, 1e-9);
}

TEST(RunEstimate, RefusesAReportOfAUnitThatWasNotAssigned) {
  RunEstimate estimate(equal_units(2));
  estimate.assigned(kFirst, {unit(0)}, 0);
  EXPECT_THROW(estimate.unit_done(kFirst, unit(1), 1, 1), InvariantError);
  EXPECT_THROW(estimate.assigned(kFirst, {unit(7)}, 0), InvariantError);
}

}  // namespace
}  // namespace kvcompare
