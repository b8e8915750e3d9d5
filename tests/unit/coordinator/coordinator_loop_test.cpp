#include "coordinator/coordinator_loop.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/in_process_messenger.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

using Answer = std::function<Message(const Assignment&, int n_seen)>;

// A worker that answers as it is told, without a model. Returns what it was assigned.
std::vector<UnitId> work(Messenger& messenger, const Answer& answer, std::int64_t n_tokens_at_once) {
  std::vector<UnitId> seen;
  messenger.send(Rank(0), Hello{"imaginary", n_tokens_at_once});
  for (;;) {
    const auto envelope = messenger.receive(std::chrono::seconds(60));
    if (!envelope) ADD_FAILURE() << "a worker was never told to stop";
    if (!envelope || std::holds_alternative<Stop>(envelope->message)) return seen;
    for (const auto& assigned : std::get<Assign>(envelope->message).units) {
      seen.push_back(assigned.unit);
      messenger.send(Rank(0), answer(assigned, static_cast<int>(seen.size())));
    }
  }
}

Message done(const Assignment& assign) {
  EXPECT_EQ(assign.sample.index, assign.unit.sample);
  return Result{imaginary_result({.sample = assign.unit.sample.value, .method = assign.unit.method.value})};
}

const std::vector<MethodSpec> kMethods{{"baseline", "Baseline", KeepAll{}, {}},
                                       {"random", "Random", RatioBudget{0.5}, {}}};

std::vector<Sample> samples(std::int64_t n) {
  std::vector<Sample> result;
  for (std::int64_t i = 0; i < n; ++i) result.push_back({SampleIndex(i), {1, 2, 3, 4}});
  return result;
}

class CoordinatorLoop : public testing::Test {
 protected:
  Gathered run(
      std::int64_t n_samples, int n_workers, const Answer& answer,
      const std::function<bool()>& stop = [] { return false; }) {
    InProcessExchange exchange(n_workers + 1);
    std::vector<std::jthread> workers;
    for (int rank = 1; rank <= n_workers; ++rank)
      workers.emplace_back([&, rank] { work(*exchange.endpoint(Rank(rank)), answer, n_tokens_at_once_); });
    const auto data = samples(n_samples);
    return coordinate(
        *exchange.endpoint(Rank(0)), n_workers, make_plan(data, kMethods.size()), data, kMethods,
        {[this](std::int64_t n_done, std::int64_t n) { progress_.emplace_back(n_done, n); }, stop});
  }
  std::int64_t n_tokens_at_once_ = 0;  // of every worker
  std::vector<std::pair<std::int64_t, std::int64_t>> progress_;
};

TEST_F(CoordinatorLoop, GathersEveryUnitOnce) {
  const auto gathered = run(5, 3, [](const Assignment& assign, int) { return done(assign); });
  EXPECT_EQ(gathered.units.size(), 10u);
  EXPECT_FALSE(gathered.interrupted);
  for (const auto& [unit, attempted] : gathered.units) {
    EXPECT_EQ(std::get<UnitResult>(attempted.outcome).unit, unit);
    EXPECT_EQ(attempted.n_attempts, 1);
  }
  EXPECT_EQ(progress_.back(), (std::pair<std::int64_t, std::int64_t>{10, 10}));
}

TEST_F(CoordinatorLoop, GathersEveryUnitOnceFromWorkersThatTakeSeveral) {
  n_tokens_at_once_ = 12;  // three samples of four tokens
  const auto gathered = run(5, 2, [](const Assignment& assign, int) { return done(assign); });
  EXPECT_EQ(gathered.units.size(), 10u);
  for (const auto& [unit, attempted] : gathered.units)
    EXPECT_EQ(std::get<UnitResult>(attempted.outcome).unit, unit);
}

TEST_F(CoordinatorLoop, RetriesAUnitThatFailsOnce) {
  const auto gathered = run(1, 1, [](const Assignment& assign, int n_seen) -> Message {
    if (n_seen == 1) return Failure{{assign.unit, "by chance"}};
    return done(assign);
  });
  const auto& attempted = gathered.units.at({SampleIndex(0), MethodIndex(0)});
  EXPECT_TRUE(std::holds_alternative<UnitResult>(attempted.outcome));
  EXPECT_EQ(attempted.n_attempts, 2);
}

TEST_F(CoordinatorLoop, KeepsTheReasonOfAUnitThatAlwaysFails) {
  const auto gathered = run(2, 2, [](const Assignment& assign, int) -> Message {
    if (assign.unit == UnitId{SampleIndex(1), MethodIndex(1)}) return Failure{{assign.unit, "always"}};
    return done(assign);
  });
  EXPECT_EQ(gathered.units.size(), 4u);
  const auto& attempted = gathered.units.at({SampleIndex(1), MethodIndex(1)});
  EXPECT_EQ(std::get<UnitFailure>(attempted.outcome).reason, "always");
  EXPECT_EQ(attempted.n_attempts, 3);
}

TEST_F(CoordinatorLoop, StopsWhenToldToAndKeepsWhatIsDone) {
  const auto gathered = run(
      50, 1, [](const Assignment& assign, int) { return done(assign); },
      [&] { return !progress_.empty() && progress_.back().first >= 3; });
  EXPECT_TRUE(gathered.interrupted);
  EXPECT_GE(gathered.units.size(), 3u);
  EXPECT_LT(gathered.units.size(), 100u);
}

TEST_F(CoordinatorLoop, IsNotInterruptedByAStopDuringTheLastUnit) {
  std::atomic<bool> is_last = false;
  const auto gathered = run(
      1, 1,
      [&](const Assignment& assign, int n_seen) {
        is_last = n_seen == 2;  // read by the coordinator when this unit's result is there
        return done(assign);
      },
      [&] { return !progress_.empty() && progress_.back().first == 1 && is_last; });
  EXPECT_FALSE(gathered.interrupted);
  EXPECT_EQ(gathered.units.size(), 2u);
}

// Workers that say hello after the end must be told so too, or they would wait for ever.
TEST_F(CoordinatorLoop, StopsEveryWorkerOfAnEmptyPlan) {
  EXPECT_TRUE(run(0, 3, [](const Assignment& assign, int) { return done(assign); }).units.empty());
}

TEST_F(CoordinatorLoop, RefusesAMessageThatOnlyAWorkerGets) {
  InProcessExchange exchange(2);
  exchange.endpoint(Rank(1))->send(Rank(0), Stop{});
  const auto data = samples(1);
  EXPECT_THROW(coordinate(*exchange.endpoint(Rank(0)), 1, make_plan(data, 1), data, kMethods,
                          {[](std::int64_t, std::int64_t) {}, [] { return false; }}),
               InvariantError);
}

TEST(Plan, LeavesOutSamplesWithNothingToPredict) {
  const std::vector<Sample> data{
      {SampleIndex(0), {1, 2}}, {SampleIndex(1), {1}}, {SampleIndex(2), {}}, {SampleIndex(3), {1, 2, 3}}};
  const auto plan = make_plan(data, 2);
  EXPECT_THAT(plan.skipped, testing::ElementsAre(SampleIndex(1), SampleIndex(2)));
  EXPECT_EQ(plan.units, (std::vector<UnitId>{{SampleIndex(0), MethodIndex(0)},
                                             {SampleIndex(0), MethodIndex(1)},
                                             {SampleIndex(3), MethodIndex(0)},
                                             {SampleIndex(3), MethodIndex(1)}}));
}

}  // namespace
}  // namespace kvcompare
