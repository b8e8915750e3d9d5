#include "coordinator/plan/scheduler.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

UnitId unit(std::int64_t sample, std::int64_t method = 0) {
  return {SampleIndex(sample), MethodIndex(method)};
}

std::vector<UnitId> units(std::int64_t n) {
  std::vector<UnitId> result;
  for (std::int64_t i = 0; i < n; ++i) result.push_back(unit(i / 3, i % 3));
  return result;
}

// Every unit of ten tokens; the earlier ones cost a little more.
Scheduler make_scheduler(const std::vector<UnitId>& units, int n_workers, int max_attempts = 3) {
  std::vector<PlannedUnit> planned;
  for (const auto& unit : units)
    planned.push_back(
        {.unit = unit, .n_tokens = 10, .cost = 100 - 0.01 * static_cast<double>(planned.size())});
  return {planned, n_workers, max_attempts};
}

Scheduler with_costs(const std::vector<double>& costs, int n_workers) {
  std::vector<PlannedUnit> planned;
  for (const auto cost : costs)
    planned.push_back({.unit = unit(std::ssize(planned)), .n_tokens = 10, .cost = cost});
  return {planned, n_workers, 3};
}

UnitId only_unit(const SchedulerAction& action) {
  const auto& units = std::get<AssignUnits>(action).units;
  EXPECT_EQ(units.size(), 1u);
  return units.at(0);
}

std::vector<Rank> stopped(const std::vector<SchedulerAction>& actions) {
  std::vector<Rank> workers;
  for (const auto& action : actions) workers.push_back(std::get<StopWorker>(action).worker);
  return workers;
}

TEST(Scheduler, HandsOutTheLongestUnitsFirstAndStopsTheWorkerAtTheEnd) {
  auto scheduler = with_costs({3, 8, 5, 1}, 1);
  scheduler.worker_ready(Rank(1), 0);
  std::vector<UnitId> order;
  for (int i = 0; i < 4; ++i) {
    for (const auto& action : scheduler.take_actions()) order.push_back(only_unit(action));
    EXPECT_FALSE(scheduler.finished());
    scheduler.unit_done(Rank(1), order.at(static_cast<std::size_t>(i)), 1);
  }
  EXPECT_EQ(order, (std::vector{unit(1), unit(2), unit(0), unit(3)}));
  EXPECT_EQ(stopped(scheduler.take_actions()), std::vector{Rank(1)});
  EXPECT_FALSE(scheduler.finished());
  scheduler.worker_gone(Rank(1));
  EXPECT_TRUE(scheduler.finished());
}

// Samples of 10, 11, ... tokens under two methods, of which the second is ten times as slow: in the order in
// which n_workers workers take them, each as soon as it is through with one.
std::vector<UnitId> order_of(std::int64_t n_samples, int n_workers) {
  std::vector<PlannedUnit> planned;
  for (std::int64_t s = 0; s < n_samples; ++s)
    for (std::int64_t m = 0; m < 2; ++m)
      planned.push_back({.unit = unit(s, m),
                         .n_tokens = 10 + s,
                         .cost = static_cast<double>((10 + s) * (m == 0 ? 1 : 10))});
  Scheduler scheduler(planned, n_workers, 3);
  for (int w = 1; w <= n_workers; ++w) scheduler.worker_ready(Rank(w), 0);
  std::vector<UnitId> order;
  for (;;) {
    const auto actions = scheduler.take_actions();
    if (actions.empty() || std::holds_alternative<StopWorker>(actions[0])) return order;
    for (const auto& action : actions) {
      order.push_back(only_unit(action));
      const auto cost =
          planned[static_cast<std::size_t>(2 * order.back().sample.value + order.back().method.value)].cost;
      scheduler.unit_done(std::get<AssignUnits>(action).worker, order.back(), cost);
    }
  }
}

TEST(Scheduler, GivesAWorkerThatIsAloneTheLongestSamplesFirstUnderAllMethods) {
  EXPECT_EQ(order_of(3, 1),
            (std::vector{unit(2, 0), unit(2, 1), unit(1, 0), unit(1, 1), unit(0, 0), unit(0, 1)}));
}

TEST(Scheduler, GivesTheLongestSamplesFirstUnderAllMethodsWhileUnitsAreSmallBesideTheRest) {
  const auto order = order_of(100, 2);
  const auto place = [&](UnitId id) { return std::ranges::find(order, id) - order.begin(); };
  ASSERT_EQ(order.size(), 200u);
  EXPECT_LT(place(unit(99, 0)), place(unit(90, 1)));  // ten times as costly, but of a shorter sample
  // At the end the longest unit comes first, whatever its sample.
  EXPECT_LT(place(unit(1, 1)), place(unit(9, 0)));
}

TEST(Scheduler, LetsAWorkerHaveTheNextUnitInHandAndNoMore) {
  auto scheduler = make_scheduler(units(6), 1);
  scheduler.worker_ready(Rank(1), 0);
  const auto actions = scheduler.take_actions();
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(only_unit(actions[0]), unit(0, 0));
  EXPECT_EQ(only_unit(actions[1]), unit(0, 1));
  EXPECT_TRUE(scheduler.take_actions().empty());
  scheduler.unit_done(Rank(1), unit(0, 0), 1);
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(0, 2));
}

TEST(Scheduler, StopsNobodyAsLongAsAUnitMayStillFail) {
  auto scheduler = make_scheduler({unit(0), unit(1)}, 2);
  scheduler.worker_ready(Rank(1), 0);
  scheduler.worker_ready(Rank(2), 0);
  EXPECT_EQ(scheduler.take_actions().size(), 2u);
  scheduler.unit_done(Rank(2), unit(0), 1);
  EXPECT_TRUE(scheduler.take_actions().empty());
  scheduler.unit_done(Rank(1), unit(1), 1);
  EXPECT_EQ(stopped(scheduler.take_actions()), (std::vector{Rank(1), Rank(2)}));
}

// Worker 2 takes ten times as long for its first, short unit; the long one is then left to the other.
TEST(Scheduler, DoesNotGiveASlowWorkerWhatAnotherIsSoonerThroughWith) {
  auto scheduler = with_costs({100, 100, 100, 1, 1, 1}, 2);
  scheduler.worker_ready(Rank(1), 0);
  scheduler.worker_ready(Rank(2), 0);
  EXPECT_EQ(scheduler.take_actions().size(), 2u) << "a short unit each";
  scheduler.unit_done(Rank(1), unit(5), 1);
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(0));
  scheduler.unit_done(Rank(2), unit(4), 10);
  for (const auto& action : scheduler.take_actions())
    if (std::get<AssignUnits>(action).worker == Rank(2)) {
      EXPECT_EQ(only_unit(action), unit(3));
    }
}

TEST(Scheduler, RetriesAFailedUnitOnAnotherWorkerFirst) {
  auto scheduler = make_scheduler({unit(0)}, 2);
  scheduler.worker_ready(Rank(1), 0);
  scheduler.take_actions();
  scheduler.worker_ready(Rank(2), 0);
  EXPECT_TRUE(scheduler.take_actions().empty());
  EXPECT_EQ(scheduler.unit_failed(Rank(1), unit(0)), FailureVerdict::kRetry);
  const auto actions = scheduler.take_actions();
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<AssignUnits>(actions[0]).worker, Rank(2));
}

TEST(Scheduler, QuarantinesAUnitAfterTheLastAttempt) {
  auto scheduler = make_scheduler({unit(0)}, 1);
  scheduler.worker_ready(Rank(1), 0);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_EQ(scheduler.take_actions().size(), 1u);
    EXPECT_EQ(scheduler.n_attempts(unit(0)), attempt);
    EXPECT_EQ(scheduler.unit_failed(Rank(1), unit(0)),
              attempt < 3 ? FailureVerdict::kRetry : FailureVerdict::kQuarantine);
  }
  EXPECT_EQ(stopped(scheduler.take_actions()), std::vector{Rank(1)});
  EXPECT_EQ(scheduler.n_settled(), 1);
}

TEST(Scheduler, CountsTheAttemptsOfEarlierRuns) {
  Scheduler scheduler({{.unit = unit(0), .n_tokens = 10, .cost = 1, .n_failed = 2}}, 1, 3);
  scheduler.worker_ready(Rank(1), 0);
  scheduler.take_actions();
  EXPECT_EQ(scheduler.n_attempts(unit(0)), 3);
  EXPECT_EQ(scheduler.unit_failed(Rank(1), unit(0)), FailureVerdict::kQuarantine);
}

TEST(Scheduler, StopsBusyWorkersAtOnceAndThoseToComeWhenTheyCome) {
  auto scheduler = make_scheduler(units(5), 2);
  scheduler.worker_ready(Rank(1), 0);
  const auto assigned = scheduler.take_actions();
  scheduler.stop();
  EXPECT_EQ(stopped(scheduler.take_actions()), std::vector{Rank(1)});
  scheduler.unit_done(Rank(1), only_unit(assigned.at(0)), 1);
  EXPECT_TRUE(scheduler.take_actions().empty());
  scheduler.worker_gone(Rank(1));
  EXPECT_FALSE(scheduler.finished());
  scheduler.worker_ready(Rank(2), 0);
  EXPECT_EQ(stopped(scheduler.take_actions()), std::vector{Rank(2)});
  scheduler.worker_gone(Rank(2));
  EXPECT_TRUE(scheduler.finished());
  EXPECT_EQ(scheduler.n_settled(), 1);
}

// Twelve equal units: an assignment is at most a quarter of what is left.
TEST(Scheduler, GivesAsManyUnitsAsAWorkerWantsTokensAndFewerTowardsTheEnd) {
  auto scheduler = make_scheduler(units(12), 1);
  scheduler.worker_ready(Rank(1), 25);
  const auto actions = scheduler.take_actions();
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(std::get<AssignUnits>(actions[0]).units, (std::vector{unit(0, 0), unit(0, 1)})) << "25 tokens";
  EXPECT_EQ(std::get<AssignUnits>(actions[1]).units, (std::vector{unit(0, 2), unit(1, 0)}));
  for (const auto done : {unit(0, 0), unit(0, 1), unit(0, 2), unit(1, 0)})
    scheduler.unit_done(Rank(1), done, 1);
  for (std::int64_t sample = 1, method = 1; sample < 4;) {
    for (const auto& action : scheduler.take_actions())
      for (const auto next : std::get<AssignUnits>(action).units) {
        EXPECT_EQ(next, unit(sample, method));
        method = (method + 1) % 3;
        sample += method == 0;
        scheduler.unit_done(Rank(1), next, 1);
        if (sample == 3) {
          EXPECT_EQ(std::get<AssignUnits>(action).units.size(), 1u);
        }
      }
  }
}

TEST(Scheduler, LetsAUnitThatFailedRunAlone) {
  auto scheduler = make_scheduler(units(9), 1);
  scheduler.worker_ready(Rank(1), 1000);
  for (const auto& action : scheduler.take_actions())
    for (const auto given : std::get<AssignUnits>(action).units) {
      if (given == unit(0, 0)) {
        EXPECT_EQ(scheduler.unit_failed(Rank(1), given), FailureVerdict::kRetry);
      } else {
        scheduler.unit_done(Rank(1), given, 1);
      }
    }
  bool was_retried = false;
  for (int round = 0; round < 9 && !was_retried; ++round)
    for (const auto& action : scheduler.take_actions()) {
      const auto& given = std::get<AssignUnits>(action).units;
      was_retried = was_retried || given == std::vector{unit(0, 0)};
      EXPECT_TRUE(given.size() == 1 || std::ranges::find(given, unit(0, 0)) == given.end());
      for (const auto done : given)
        if (done != unit(0, 0)) scheduler.unit_done(Rank(1), done, 1);
    }
  EXPECT_TRUE(was_retried);
}

TEST(Scheduler, RefusesAReportOfAUnitThatWasNotAssigned) {
  auto scheduler = make_scheduler(units(2), 2);
  scheduler.worker_ready(Rank(1), 0);
  const auto given = only_unit(scheduler.take_actions().at(0));
  const auto other = given == unit(0, 0) ? unit(0, 1) : unit(0, 0);
  EXPECT_THROW(scheduler.unit_done(Rank(1), other, 1), InvariantError);
  EXPECT_THROW(scheduler.unit_done(Rank(2), given, 1), InvariantError);
  EXPECT_THROW(scheduler.unit_done(Rank(1), unit(7), 1), InvariantError);
  EXPECT_THROW(scheduler.worker_ready(Rank(1), 0), InvariantError);
  EXPECT_THROW(scheduler.worker_gone(Rank(1)), InvariantError);
}

// 100 000 samples under seven methods: what a unit costs in memory, and that no event looks at all of them.
TEST(Scheduler, HandlesSevenHundredThousandUnits) {
  std::vector<PlannedUnit> planned;
  for (std::int64_t i = 0; i < 700'000; ++i)
    planned.push_back(
        {.unit = unit(i / 7, i % 7), .n_tokens = 10, .cost = 1 + static_cast<double>(i * 37 % 1009)});
  Scheduler scheduler(std::move(planned), 4, 3);
  for (std::int64_t r = 1; r <= 4; ++r) scheduler.worker_ready(Rank(r), 4096);
  std::int64_t n = 0;
  for (;;) {
    const auto actions = scheduler.take_actions();
    if (actions.empty() || std::holds_alternative<StopWorker>(actions[0])) break;
    for (const auto& action : actions)
      for (const auto done : std::get<AssignUnits>(action).units) {
        scheduler.unit_done(std::get<AssignUnits>(action).worker, done, 1);
        ++n;
      }
  }
  EXPECT_EQ(n, 700'000);
  EXPECT_EQ(scheduler.n_settled(), 700'000);
}

// Two workers and four units, of which the process died over two.
TEST(Scheduler, EvaluatesUnitsThatRunAloneLastAndWithNothingElseInHand) {
  std::vector<PlannedUnit> planned;
  for (std::int64_t s = 0; s < 4; ++s)
    planned.push_back({.unit = unit(s), .n_tokens = 10, .cost = 10, .runs_alone = s < 2});
  Scheduler scheduler(planned, 2, 3);
  scheduler.worker_ready(Rank(1), 0);
  scheduler.worker_ready(Rank(2), 0);
  std::map<UnitId, Rank> in_hand;
  std::vector<UnitId> order;
  const auto act = [&] {
    for (const auto& action : scheduler.take_actions()) {
      const auto* assign = std::get_if<AssignUnits>(&action);
      if (!assign) continue;
      const bool is_alone = assign->units == std::vector{unit(0)} || assign->units == std::vector{unit(1)};
      EXPECT_EQ(assign->alone, is_alone);
      EXPECT_TRUE(!is_alone || in_hand.empty());
      for (const auto one : assign->units) {
        in_hand[one] = assign->worker;
        order.push_back(one);
      }
    }
  };
  for (act(); !in_hand.empty(); act()) {
    const auto [done, worker] = *in_hand.begin();
    in_hand.erase(done);
    scheduler.unit_done(worker, done, 1);
  }
  EXPECT_EQ(scheduler.n_settled(), 4);
  EXPECT_EQ(std::vector(order.begin() + 2, order.end()), (std::vector{unit(0), unit(1)}));
}

TEST(Scheduler, TriesAUnitThatRunsAloneAgainIfItFails) {
  Scheduler scheduler({{.unit = unit(0), .n_tokens = 10, .cost = 10, .runs_alone = true}}, 1, 2);
  scheduler.worker_ready(Rank(1), 0);
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(0));
  EXPECT_EQ(scheduler.unit_failed(Rank(1), unit(0)), FailureVerdict::kRetry);
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(0));
  EXPECT_EQ(scheduler.unit_failed(Rank(1), unit(0)), FailureVerdict::kQuarantine);
}

}  // namespace
}  // namespace kvcompare
