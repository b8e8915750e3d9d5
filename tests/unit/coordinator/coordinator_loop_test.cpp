#include "coordinator/coordinator_loop.h"

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/messages/in_process_messenger.h"
#include "coordinator/plan/plan.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

using Answer = std::function<Message(const Assignment&, int n_seen)>;

constexpr const char* kModel = "0123";

// A worker that answers as it is told, without a model.
void work(Messenger& messenger, const Answer& answer, std::int64_t n_tokens_at_once) {
  int n_seen = 0;
  messenger.send(Rank(0), Hello{"imaginary host", "imaginary", n_tokens_at_once, kModel});
  std::deque<Assign> in_hand;
  for (;;) {
    const auto envelope =
        messenger.receive(in_hand.empty() ? std::chrono::seconds(60) : std::chrono::seconds(0));
    if (envelope && std::holds_alternative<Stop>(envelope->message)) {
      messenger.send(Rank(0), Goodbye{});
      return;
    }
    if (envelope && std::holds_alternative<Acknowledge>(envelope->message)) continue;
    if (envelope) {
      in_hand.push_back(std::get<Assign>(envelope->message));
      continue;
    }
    if (in_hand.empty()) {
      ADD_FAILURE() << "a worker was never told to stop";
      return;
    }
    for (const auto& assigned : in_hand.front().units) messenger.send(Rank(0), answer(assigned, ++n_seen));
    in_hand.pop_front();
  }
}

Message done(const Assignment& assign) {
  EXPECT_EQ(assign.sample.index, assign.unit.sample);
  return imaginary_result({.sample = assign.unit.sample.value, .method = assign.unit.method.value});
}

std::vector<Sample> samples(std::int64_t n) {
  std::vector<Sample> result;
  for (std::int64_t i = 0; i < n; ++i) result.push_back({SampleIndex(i), {1, 2, 3, 4}});
  return result;
}

JournalHeader header_of(const std::vector<Sample>& data) {
  JournalHeader header;
  header.spec.methods = {{"baseline", "Baseline", KeepAll{}, {}}, {"random", "Random", RatioBudget{0.5}, {}}};
  header.model = {1, 1, 1, 2, 2, 5, 64};  // as imaginary_result has it
  header.n_samples = std::ssize(data);
  return header;
}

class CoordinatorLoop : public testing::Test {
 protected:
  // Every unit of n_samples samples under two methods.
  Evaluated run(
      std::int64_t n_samples, int n_workers, const Answer& answer,
      const std::function<bool()>& stop = [] { return false; }) {
    const auto data = samples(n_samples);
    const auto header = header_of(data);
    JournalWriter journal(journal_, header);
    InProcessExchange exchange(n_workers + 1);
    std::vector<std::jthread> workers;
    for (int rank = 1; rank <= n_workers; ++rank)
      workers.emplace_back([&, rank] { work(*exchange.endpoint(Rank(rank)), answer, n_tokens_at_once_); });
    const Work work{.samples = data,
                    .methods = header.spec.methods,
                    .units = plan_units(data, header.spec, {}, {}, Quarantined::kLeave),
                    .model = kModel};
    return coordinate(*exchange.endpoint(Rank(0)), n_workers, work, journal,
                      {.progress =
                           [this](std::int64_t n_done, const Outlook& outlook) {
                             progress_.push_back(n_done);
                             shares_.push_back(outlook.share);
                           },
                       .stop_requested = stop,
                       .begins =
                           [&] {
                             ++n_begun_;
                             EXPECT_TRUE(units().empty());
                           },
                       .give_up = [] { ADD_FAILURE() << "nobody is to be given up"; }});
  }
  UnitTable units() const { return Journal(journal_).units(); }

  TemporaryFolder folder_;
  std::filesystem::path journal_ = folder_.path() / "journal.jsonl";
  std::int64_t n_tokens_at_once_ = 0;  // of every worker
  std::vector<std::int64_t> progress_;
  std::vector<double> shares_;
  int n_begun_ = 0;
};

TEST_F(CoordinatorLoop, WritesEveryUnitOnce) {
  const auto evaluated = run(5, 3, [](const Assignment& assign, int) { return done(assign); });
  EXPECT_FALSE(evaluated.interrupted);
  EXPECT_EQ(evaluated.n_evaluated, 10);
  EXPECT_EQ(units().size(), 10u);
  for (const auto& [unit, record] : units()) EXPECT_TRUE(record.summary);
  EXPECT_EQ(progress_.back(), 10);
  EXPECT_TRUE(std::ranges::is_sorted(shares_));
  EXPECT_EQ(shares_.back(), 1);
  EXPECT_EQ(n_begun_, 1);
}

TEST_F(CoordinatorLoop, WritesEveryUnitOnceFromWorkersThatTakeSeveral) {
  n_tokens_at_once_ = 12;  // three samples of four tokens
  const auto evaluated = run(5, 2, [](const Assignment& assign, int) { return done(assign); });
  EXPECT_EQ(evaluated.n_evaluated, 10);
  EXPECT_EQ(units().size(), 10u);
}

TEST_F(CoordinatorLoop, RetriesAUnitThatFailsOnce) {
  const auto evaluated = run(1, 1, [](const Assignment& assign, int n_seen) -> Message {
    if (n_seen == 1) return UnitFailure{assign.unit, "by chance"};
    return done(assign);
  });
  EXPECT_EQ(evaluated.n_evaluated, 3);
  int n_failed = 0;
  for (const auto& [unit, record] : units()) {
    EXPECT_TRUE(record.summary);
    n_failed += record.n_failed;
  }
  EXPECT_EQ(n_failed, 1);
}

TEST_F(CoordinatorLoop, KeepsTheReasonOfAUnitThatAlwaysFails) {
  const UnitId failing{SampleIndex(1), MethodIndex(1)};
  const auto evaluated = run(2, 2, [&](const Assignment& assign, int) -> Message {
    if (assign.unit == failing) return UnitFailure{assign.unit, "always"};
    return done(assign);
  });
  EXPECT_FALSE(evaluated.interrupted);
  EXPECT_EQ(units().size(), 4u);
  EXPECT_FALSE(units().at(failing).summary);
  EXPECT_EQ(units().at(failing).reason, "always");
  EXPECT_EQ(units().at(failing).n_failed, 3);
}

TEST_F(CoordinatorLoop, StopsWhenToldToAndKeepsWhatIsDone) {
  const auto evaluated = run(
      50, 1, [](const Assignment& assign, int) { return done(assign); },
      [&] { return !progress_.empty() && progress_.back() >= 3; });
  EXPECT_TRUE(evaluated.interrupted);
  EXPECT_GE(units().size(), 3u);
  EXPECT_LT(units().size(), 100u);
}

TEST_F(CoordinatorLoop, IsNotInterruptedByAStopDuringTheLastUnit) {
  std::atomic<bool> is_last = false;
  const auto evaluated = run(
      1, 1,
      [&](const Assignment& assign, int n_seen) {
        is_last = n_seen == 2;  // read by the coordinator when this unit's result is there
        return done(assign);
      },
      [&] { return !progress_.empty() && progress_.back() == 1 && is_last; });
  EXPECT_FALSE(evaluated.interrupted);
  EXPECT_EQ(units().size(), 2u);
}

// Workers that say hello after the end must be told so too, or they would wait for ever.
TEST_F(CoordinatorLoop, StopsEveryWorkerOfAnEmptyPlan) {
  EXPECT_EQ(run(0, 3, [](const Assignment& assign, int) { return done(assign); }).n_evaluated, 0);
}

// What one worker says to a coordinator that has one unit to give.
class OneMessage : public CoordinatorLoop {
 protected:
  void coordinate_with(
      const std::vector<Message>& messages, const std::function<void()>& give_up = [] {}) {
    InProcessExchange exchange(2);
    for (const auto& message : messages) exchange.endpoint(Rank(1))->send(Rank(0), message);
    const auto data = samples(1);
    const auto header = header_of(data);
    JournalWriter journal(journal_, header);
    const Work work{.samples = data,
                    .methods = header.spec.methods,
                    .units = {{.unit = {SampleIndex(0), MethodIndex(0)}, .n_tokens = 4, .cost = 1}},
                    .model = kModel,
                    .device_type = "cuda"};
    coordinate(*exchange.endpoint(Rank(0)), 1, work, journal,
               {.progress = [](auto, const auto&) {},
                .stop_requested = [&] { return static_cast<bool>(give_up); },
                .give_up = give_up,
                .stop_grace = std::chrono::seconds(0)});
  }
};

// A worker that is ready leaves; the other one never says hello, and the run does not wait for it.
TEST_F(CoordinatorLoop, LeavesWorkersThatAreStillLoadingAfterAStop) {
  struct Left : std::exception {};
  const auto data = samples(5);
  const auto header = header_of(data);
  JournalWriter journal(journal_, header);
  InProcessExchange exchange(3);
  bool stops = false;
  int n_rounds = 0;
  std::int64_t n_evaluated = -1;
  const std::jthread worker([&] {
    work(
        *exchange.endpoint(Rank(1)), [](const Assignment& assign, int) { return done(assign); }, 0);
  });
  const Work work{.samples = data,
                  .methods = header.spec.methods,
                  .units = plan_units(data, header.spec, {}, {}, Quarantined::kLeave),
                  .model = kModel};
  EXPECT_THROW(coordinate(*exchange.endpoint(Rank(0)), 2, work, journal,
                          {.progress = [&](auto, const auto&) { stops = ++n_rounds > 2; },
                           .stop_requested = [&] { return stops; },
                           .give_up = [] { ADD_FAILURE() << "nobody is to be given up"; },
                           .leave_loading =
                               [&](const Evaluated& so_far) {
                                 EXPECT_TRUE(so_far.interrupted);
                                 n_evaluated = so_far.n_evaluated;
                                 throw Left();  // as if the process ended
                               }}),
               Left);
  EXPECT_EQ(n_evaluated, 0);  // nothing is handed out before the other one is ready
  EXPECT_TRUE(units().empty());
}

// Both say hello; nobody is given a unit.
TEST_F(CoordinatorLoop, RefusesOtherArithmeticBeforeTheFirstUnit) {
  const auto data = samples(5);
  const auto header = header_of(data);
  JournalWriter journal(journal_, header);
  InProcessExchange exchange(3);
  for (const int rank : {1, 2}) {
    Hello hello{"north", "imaginary", 0, kModel};
    hello.numerics.instruction_set = rank == 1 ? "AVX3_DL" : "AVX2";
    exchange.endpoint(Rank(rank))->send(Rank(0), hello);
  }
  const Work work{.samples = data,
                  .methods = header.spec.methods,
                  .units = plan_units(data, header.spec, {}, {}, Quarantined::kLeave),
                  .model = kModel};
  const auto error = error_of<ConfigError>([&] {
    coordinate(*exchange.endpoint(Rank(0)), 2, work, journal,
               {.progress = [](auto, const auto&) {}, .stop_requested = [] { return false; }});
  });
  EXPECT_THAT(error.what(), testing::HasSubstr("instruction_set: AVX2, not AVX3_DL"));
  EXPECT_FALSE(exchange.endpoint(Rank(1))->receive(std::chrono::milliseconds(0)));
  EXPECT_TRUE(units().empty());
}

TEST_F(OneMessage, ThatOnlyAWorkerGetsIsRefused) { EXPECT_THROW(coordinate_with({Stop{}}), InvariantError); }

TEST_F(OneMessage, FromAWorkerWithAnotherModelIsRefused) {
  const auto error = error_of<CheckpointError>([&] { coordinate_with({Hello{"far", "cuda:1", 0, "4567"}}); });
  EXPECT_THAT(error.what(), testing::HasSubstr("on far has read another model (SHA-256 4567)"));
}

TEST_F(OneMessage, FromAWorkerThatReadNoModelAndHasNoWeightsIsRefused) {
  EXPECT_THROW(coordinate_with({Hello{"far", "cuda:1", 0, ""}}), CheckpointError);
}

TEST_F(OneMessage, FromAWorkerOnAnotherKindOfDeviceIsRefused) {
  const auto error = error_of<ConfigError>([&] { coordinate_with({Hello{"far", "cpu", 0, kModel}}); });
  EXPECT_STREQ(error.what(),
               "device: worker 1 on far computes on cpu, the run on cuda; all hosts are to have GPUs, or "
               "none is to use "
               "them (--device cpu)");
}

TEST_F(OneMessage, ThatAWorkerCannotGoOnEndsTheRunWithItsExitCode) {
  const auto error = error_of<Error>([&] {
    coordinate_with({WorkerFailed{ExitCode::kBadInput, "no weights"}});
  });
  EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
  EXPECT_STREQ(error.what(), "no weights");
}

struct GivenUp {};

TEST_F(OneMessage, IsNotWaitedForLongerThanTheGrace) {
  EXPECT_THROW(coordinate_with({Hello{"here", "cuda:0", 0, kModel}}, [] { throw GivenUp(); }), GivenUp);
}

TEST(PlanUnits, LeavesOutSamplesWithNothingToPredictAndWhatIsKnown) {
  const std::vector<Sample> data{
      {SampleIndex(0), {1, 2}}, {SampleIndex(1), {1}}, {SampleIndex(2), {}}, {SampleIndex(3), {1, 2, 3}}};
  EXPECT_THAT(without_scored_token(data), testing::ElementsAre(SampleIndex(1), SampleIndex(2)));
  std::vector<Sample> named = data;
  named[3].has_nothing_scored = true;
  EXPECT_THAT(without_scored_token(named),
              testing::ElementsAre(SampleIndex(1), SampleIndex(2), SampleIndex(3)));
  const auto spec = header_of(data).spec;
  const UnitId done{SampleIndex(0), MethodIndex(0)}, tried{SampleIndex(0), MethodIndex(1)},
      quarantined{SampleIndex(3), MethodIndex(0)}, fresh{SampleIndex(3), MethodIndex(1)};
  UnitTable known;
  known[done].summary = UnitNumbers{};
  known[done].n_failed = 1;
  known[tried].n_failed = 2;
  known[quarantined].n_failed = 3;
  const auto plan = [&](Quarantined what) {
    std::map<UnitId, int> n_failed;
    for (const auto& unit : plan_units(data, spec, {}, known, what)) n_failed[unit.unit] = unit.n_failed;
    return n_failed;
  };
  EXPECT_EQ(plan(Quarantined::kLeave), (std::map<UnitId, int>{{tried, 2}, {fresh, 0}}));
  EXPECT_EQ(plan(Quarantined::kRetry), (std::map<UnitId, int>{{tried, 2}, {quarantined, 0}, {fresh, 0}}));
}

}  // namespace
}  // namespace kvcompare
