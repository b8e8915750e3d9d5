#include "launch/in_process_session.h"

#include <atomic>
#include <stdexcept>

#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

// Evaluates nothing: a consistent result of one layer and one KV head, or what `fail` throws.
class FakeEngine : public Engine {
 public:
  explicit FakeEngine(std::function<void()> fail = [] {}) : fail_(std::move(fail)) {}

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    return run_one_by_one(tasks, [this](const EngineTask& task) { return run_one(*task.sample); });
  }

 private:
  UnitResult run_one(const Sample& sample) const {
    fail_();
    UnitResult result;
    const auto n = std::ssize(sample.ids);
    result.n_tokens = n;
    result.token_nll.assign(static_cast<std::size_t>(n - 1), 1.0);
    result.total_nll = static_cast<double>(n - 1);
    result.keys = {.n_layers = 1,
                   .n_kv_heads = 1,
                   .original = n,
                   .kept_per_head = {n},
                   .attended = n * (n + 1) / 2,
                   .attendable = n * (n + 1) / 2,
                   .withheld_from_scored = 0,
                   .compressible = n,
                   .compressible_kept = n,
                   .peak = n};
    return result;
  }

  std::function<void()> fail_;
};

std::unique_ptr<Evaluator> working() { return std::make_unique<Evaluator>(std::make_unique<FakeEngine>()); }

Gathered run(const std::vector<LocalWorker>& workers) {
  std::vector<Sample> samples;
  for (std::int64_t s = 0; s < 20; ++s) samples.push_back({SampleIndex(s), {1, 2, 3}});
  const std::vector<MethodSpec> methods{{"baseline", "Baseline", KeepAll{}, {}}};
  return run_in_process(workers, make_plan(samples, 1), samples, methods,
                        {[](std::int64_t, std::int64_t) {}, [] { return false; }});
}

TEST(InProcessSession, GathersWhatItsThreadsEvaluate) {
  const auto gathered = run({{"cpu", working}, {"cpu", working}, {"cpu", working}});
  EXPECT_EQ(gathered.units.size(), 20u);
  for (const auto& [unit, attempted] : gathered.units)
    EXPECT_EQ(std::get<UnitResult>(attempted.outcome).total_nll, 2) << unit.sample.value;
}

TEST(InProcessSession, RethrowsWhatEndsAWorkerWhenAllThreadsHaveEnded) {
  const auto breaking = [] {
    return std::make_unique<Evaluator>(
        std::make_unique<FakeEngine>([] { throw InvariantError("broken engine"); }));
  };
  try {
    run({{"cpu", breaking}, {"cpu", breaking}});  // a working one might do all units before the other begins
    FAIL() << "nothing was thrown";
  } catch (const InvariantError& error) {
    EXPECT_STREQ(error.what(), "broken engine");
  }
}

TEST(InProcessSession, RethrowsWhatKeepsAWorkerFromStarting) {
  EXPECT_THROW(run({{"cpu", []() -> std::unique_ptr<Evaluator> { throw std::runtime_error("no device"); }},
                    {"cpu", working}}),
               std::runtime_error);
}

}  // namespace
}  // namespace kvcompare
