#include "launch/session/in_process_session.h"

#include <atomic>
#include <fstream>
#include <set>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include <ATen/ops/zeros.h>

#include "common/errors.h"
#include "coordinator/plan/plan.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

// Evaluates nothing: a consistent result of one layer and one KV head, or what `fail` throws.
class FakeEngine : public Engine {
 public:
  explicit FakeEngine(std::function<void()> fail = [] {}) : fail_(std::move(fail)) {}

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    return run_one_by_one(tasks, [this](const EngineTask& task) {
      return EngineResult{.unit = run_one(*task.sample),
                          .last_hidden = task.gives_last_hidden ? at::zeros({1}) : at::Tensor()};
    });
  }

 private:
  UnitResult run_one(const Sample& sample) const {
    fail_();
    UnitResult result;
    const auto n = std::ssize(sample.ids);
    result.token_nll.assign(static_cast<std::size_t>(n - 1), 1.0);
    result.numbers = {.n_tokens = n,
                      .total_nll = static_cast<double>(n - 1),
                      .keys = {.original = n,
                               .kept = n,
                               .attended = n * (n + 1) / 2,
                               .attendable = n * (n + 1) / 2,
                               .withheld_from_scored = 0,
                               .compressible = n,
                               .compressible_kept = n,
                               .peak = n}};
    result.kept = {.n_layers = 1, .n_kv_heads = 1, .per_head = {n}};
    result.kept.by_position[0] = n;
    return result;
  }

  std::function<void()> fail_;
};

// Tells that half of the work is done, again and again, until somebody has seen it.
class WatchedEngine : public FakeEngine {
 public:
  explicit WatchedEngine(const std::atomic<bool>& is_seen) : is_seen_(is_seen) {}

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    while (!is_seen_) {
      work_observer()(0.5);
      std::this_thread::yield();
    }
    return FakeEngine::run_together(tasks);
  }

 private:
  const std::atomic<bool>& is_seen_;
};

LocalWorker working(const std::filesystem::path& computed_log = {}) {
  return evaluating_worker(
      [] {
        return ReadyWorker{{}, std::make_unique<Evaluator>(std::make_unique<FakeEngine>())};
      },
      computed_log);
}

class InProcessSession : public testing::Test {
 protected:
  // Twenty samples under one method.
  Evaluated run(const std::vector<LocalWorker>& workers) {
    std::vector<Sample> samples;
    for (std::int64_t s = 0; s < 20; ++s) samples.push_back({SampleIndex(s), {1, 2, 3}});
    JournalHeader header;
    header.spec.methods = {{"baseline", "Baseline", KeepAll{}, {}}};
    header.model = {1, 1, 1, 2, 2, 5, 64};
    header.n_samples = std::ssize(samples);
    JournalWriter journal(journal_, header);
    const Work work{.samples = samples,
                    .methods = header.spec.methods,
                    .units = plan_units(samples, header.spec, {}, {}, Quarantined::kLeave),
                    .max_length = header.spec.max_length};
    LocalWorkers threads(workers);
    return coordinate(threads.coordinator_endpoint(), threads.size(), work, journal,
                      {.progress = progress_, .stop_requested = [] { return false; }});
  }

  TemporaryFolder folder_;
  std::filesystem::path journal_ = folder_.path() / "journal.jsonl";
  std::function<void(std::int64_t, const Outlook&)> progress_ = [](auto, const auto&) {};
};

TEST_F(InProcessSession, GathersWhatItsThreadsEvaluate) {
  EXPECT_EQ(run({working(), working(), working()}).n_evaluated, 20);
  const Journal journal(journal_);
  EXPECT_EQ(journal.units().size(), 20u);
  for (const auto& [unit, record] : journal.units()) EXPECT_EQ(record.summary.value().total_nll, 2);
}

TEST_F(InProcessSession, ShowsWorkThatIsDoneBeforeAUnitIs) {
  std::atomic<bool> is_seen = false;
  progress_ = [&](std::int64_t n_settled, const Outlook& outlook) {
    if (n_settled == 0 && outlook.share > 0) is_seen = true;
  };
  const auto watched = evaluating_worker([&] {
    return ReadyWorker{{}, std::make_unique<Evaluator>(std::make_unique<WatchedEngine>(is_seen))};
  });
  EXPECT_EQ(run({watched}).n_evaluated, 20);
  std::ifstream lines(journal_);
  std::int64_t n_lines = 0;
  for (std::string line; std::getline(lines, line);)
    n_lines += line.empty() || line.find("\"assigned\":") != std::string::npos ? 0 : 1;
  EXPECT_EQ(n_lines, 2 + 20) << "beside header, numerics and assignments a line a unit, and none of progress";
}

TEST_F(InProcessSession, LogsWhatWasComputed) {
  const auto log = folder_.path() / "computed";
  run({working(log), working(log)});
  std::set<std::string> units;
  std::ifstream lines(log);
  for (std::string sample, method, hash; lines >> sample >> method >> hash;) {
    EXPECT_EQ(hash.size(), 64u);
    EXPECT_TRUE(units.insert(sample + " " + method).second);
  }
  EXPECT_EQ(units.size(), 20u);
}

TEST_F(InProcessSession, RethrowsWhatEndsAWorkerWhenAllThreadsHaveEnded) {
  const auto breaking = evaluating_worker([] {
    return ReadyWorker{{}, std::make_unique<Evaluator>(std::make_unique<FakeEngine>([] {
                         throw InvariantError("broken engine");
                       }))};
  });
  try {
    run({breaking, breaking});  // a working one might do all units before the other begins
    FAIL() << "nothing was thrown";
  } catch (const InvariantError& error) {
    EXPECT_STREQ(error.what(), "broken engine");
  }
}

TEST_F(InProcessSession, RethrowsWhatKeepsAWorkerFromStarting) {
  EXPECT_THROW(
      run({evaluating_worker([]() -> ReadyWorker { throw std::runtime_error("no device"); }), working()}),
      std::runtime_error);
}

}  // namespace
}  // namespace kvcompare
