#include "coordinator/scheduler.h"

#include <map>
#include <random>
#include <set>
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

// Every unit of ten tokens.
Scheduler make_scheduler(const std::vector<UnitId>& units, int n_workers, int max_attempts) {
  return {units, std::vector<std::int64_t>(units.size(), 10), n_workers, max_attempts};
}

UnitId only_unit(const SchedulerAction& action) {
  const auto& units = std::get<AssignUnits>(action).units;
  EXPECT_EQ(units.size(), 1u);
  return units.at(0);
}

TEST(Scheduler, HandsOutUnitsInOrderAndStopsEveryWorker) {
  auto scheduler = make_scheduler({unit(0), unit(1)}, 2, 3);
  scheduler.worker_ready(Rank(1), 0);
  auto actions = scheduler.take_actions();
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(only_unit(actions[0]), unit(0));
  scheduler.worker_ready(Rank(2), 0);
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(1));
  scheduler.unit_done(Rank(2), unit(1));
  EXPECT_TRUE(scheduler.take_actions().empty()) << "unit 0 may still fail and need a worker";
  EXPECT_FALSE(scheduler.finished());
  scheduler.unit_done(Rank(1), unit(0));
  actions = scheduler.take_actions();
  ASSERT_EQ(actions.size(), 2u);
  for (const auto& action : actions) EXPECT_TRUE(std::holds_alternative<StopWorker>(action));
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, RetriesAFailedUnitOnAnotherWorkerFirst) {
  auto scheduler = make_scheduler({unit(0)}, 2, 3);
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
  auto scheduler = make_scheduler({unit(0)}, 1, 3);
  scheduler.worker_ready(Rank(1), 0);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    ASSERT_EQ(scheduler.take_actions().size(), 1u);
    EXPECT_EQ(scheduler.unit_failed(Rank(1), unit(0)),
              attempt < 3 ? FailureVerdict::kRetry : FailureVerdict::kQuarantine);
    EXPECT_EQ(scheduler.n_attempts(unit(0)), attempt);
  }
  EXPECT_TRUE(std::holds_alternative<StopWorker>(scheduler.take_actions().at(0)));
  EXPECT_TRUE(scheduler.finished());
  EXPECT_EQ(scheduler.n_settled(), 1);
}

TEST(Scheduler, BeginsNoUnitAfterAStopAndWaitsForThoseUnderWay) {
  auto scheduler = make_scheduler(units(5), 1, 3);
  scheduler.worker_ready(Rank(1), 0);
  scheduler.take_actions();
  scheduler.stop();
  EXPECT_TRUE(scheduler.take_actions().empty());
  EXPECT_FALSE(scheduler.finished());
  scheduler.unit_done(Rank(1), unit(0));
  EXPECT_TRUE(std::holds_alternative<StopWorker>(scheduler.take_actions().at(0)));
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, GivesAWorkerAsManyUnitsAsItWantsTokensAndWaitsForAllOfThem) {
  Scheduler scheduler(units(5), {10, 20, 30, 100, 1}, 1, 3);
  scheduler.worker_ready(Rank(1), 60);
  auto actions = scheduler.take_actions();
  EXPECT_EQ(std::get<AssignUnits>(actions.at(0)).units, (std::vector{unit(0, 0), unit(0, 1), unit(0, 2)}));
  scheduler.unit_done(Rank(1), unit(0, 1));
  EXPECT_EQ(scheduler.unit_failed(Rank(1), unit(0, 0)), FailureVerdict::kRetry);
  EXPECT_TRUE(scheduler.take_actions().empty());
  scheduler.unit_done(Rank(1), unit(0, 2));
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(1, 0)) << "longer than what it wants: alone";
  scheduler.unit_done(Rank(1), unit(1, 0));
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(1, 1)) << "not with one that failed";
  scheduler.unit_done(Rank(1), unit(1, 1));
  EXPECT_EQ(only_unit(scheduler.take_actions().at(0)), unit(0, 0));
}

TEST(Scheduler, RefusesAReportOfAUnitThatWasNotAssigned) {
  auto scheduler = make_scheduler(units(2), 2, 3);
  scheduler.worker_ready(Rank(1), 0);
  scheduler.take_actions();
  EXPECT_THROW(scheduler.unit_done(Rank(1), unit(0, 1)), InvariantError);
  EXPECT_THROW(scheduler.unit_done(Rank(2), unit(0)), InvariantError);
  EXPECT_THROW(scheduler.worker_ready(Rank(1), 0), InvariantError);
}

// One random legal history: workers come, finish and fail in any order; sometimes the run is stopped.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed)
      : random_(seed),
        n_units_(pick(13)),
        n_workers_(1 + pick(4)),
        stop_at_(pick(4) == 0 ? pick(20) : -1),
        scheduler_(make_scheduler(units(n_units_), static_cast<int>(n_workers_), kMaxAttempts)) {}

  void run() {
    std::int64_t n_ready = 0, n_events = 0;
    while (!scheduler_.finished()) {
      ASSERT_LT(n_events, 1000) << "the history does not end";
      if (n_events++ == stop_at_) {
        scheduler_.stop();
        stopped_ = true;
      } else if (n_ready < n_workers_ && (running_.empty() || pick(2) == 0)) {
        scheduler_.worker_ready(Rank(++n_ready), 10 * pick(5));
      } else {
        ASSERT_FALSE(running_.empty()) << "nobody works, yet the run is not finished";
        finish_one();
      }
      apply(scheduler_.take_actions());
    }
    check_end();
  }

 private:
  static constexpr int kMaxAttempts = 3;
  std::int64_t pick(std::int64_t n) { return std::uniform_int_distribution<std::int64_t>(0, n - 1)(random_); }

  void finish_one() {
    auto& [worker, at_work] = *std::next(running_.begin(), pick(std::ssize(running_)));
    const auto done = *std::next(at_work.begin(), pick(std::ssize(at_work)));
    const auto rank = worker;
    at_work.erase(done);
    if (at_work.empty()) running_.erase(rank);
    if (pick(3) == 0) {
      const auto verdict = scheduler_.unit_failed(rank, done);
      EXPECT_EQ(verdict == FailureVerdict::kQuarantine, n_attempts_[done] == kMaxAttempts);
      if (verdict == FailureVerdict::kQuarantine) settled_.insert(done);
    } else {
      scheduler_.unit_done(rank, done);
      EXPECT_TRUE(settled_.insert(done).second) << "a unit was done twice";
    }
  }

  void apply(const std::vector<SchedulerAction>& actions) {
    for (const auto& action : actions) {
      if (const auto* stop = std::get_if<StopWorker>(&action)) {
        EXPECT_TRUE(told_to_stop_.insert(stop->worker).second) << "a worker was stopped twice";
        EXPECT_FALSE(running_.contains(stop->worker));
        continue;
      }
      const auto& [worker, assigned] = std::get<AssignUnits>(action);
      EXPECT_FALSE(stopped_) << "a unit was begun after the stop";
      EXPECT_FALSE(told_to_stop_.contains(worker));
      EXPECT_FALSE(running_.contains(worker)) << "a worker was given more before it was done";
      for (const auto unit : assigned) {
        EXPECT_FALSE(settled_.contains(unit));
        EXPECT_TRUE(assigned.size() == 1 || n_attempts_[unit] == 0) << "a unit that failed has company";
        EXPECT_TRUE(running_[worker].insert(unit).second);
        ++n_attempts_[unit];
      }
    }
    std::set<UnitId> at_work;
    for (const auto& [worker, busy] : running_)
      for (const auto unit : busy) EXPECT_TRUE(at_work.insert(unit).second) << "a unit runs twice";
  }

  void check_end() const {
    EXPECT_EQ(std::ssize(told_to_stop_), n_workers_);
    EXPECT_EQ(scheduler_.n_settled(), std::ssize(settled_));
    EXPECT_TRUE(stopped_ || std::ssize(settled_) == n_units_);
  }

  std::mt19937_64 random_;
  std::int64_t n_units_;
  std::int64_t n_workers_;
  std::int64_t stop_at_;
  Scheduler scheduler_;
  bool stopped_ = false;
  std::map<Rank, std::set<UnitId>> running_;
  std::map<UnitId, int> n_attempts_;
  std::set<UnitId> settled_;
  std::set<Rank> told_to_stop_;
};

TEST(Scheduler, KeepsItsPromisesOverRandomLegalHistories) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    RandomHistory(seed).run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace kvcompare
