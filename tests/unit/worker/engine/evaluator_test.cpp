#include "worker/engine/evaluator.h"

#include <functional>
#include <limits>
#include <new>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

// Counts of a sample of 4 tokens in one layer of two heads; two keys evicted after the third token.
UnitResult consistent_result() {
  UnitResult result;
  result.token_nll = {1, 2, 0.5};
  result.numbers = {.n_tokens = 4,
                    .total_nll = 3.5,
                    .keys = {.original = 8,
                             .kept = 6,
                             .attended = 18,
                             .attendable = 20,
                             .withheld_from_scored = 0,
                             .compressible = 8,
                             .compressible_kept = 6,
                             .peak = 6}};
  result.kept = {.n_layers = 1, .n_kv_heads = 2, .per_head = {4, 2}};
  result.kept.by_position[0] = 4;
  result.kept.by_position[48] = 2;
  result.numbers.answers = AnswerCounts{.greedy_hits = 3, .spans = 1, .spans_exact = 1};
  result.numbers.divergence = Divergence{.sum_kl = 0.75,
                                         .sum_acceptance = 2.5,
                                         .sum_delta_p = -0.5,
                                         .sum_delta_p_squared = 0.25,
                                         .n_same_top1 = 2,
                                         .n_delta_nll_above_1 = 1};
  result.sketches = {.kl = sketch_of(std::vector<double>{0.25, 0.5, 0}),
                     .delta_p = sketch_of(std::vector<double>{-0.5, 0, 0})};
  result.token_quality = {
      .greedy_hit = {1, 1, 1}, .kl = {0.25, 0.5, 0}, .delta_p = {-0.5, 0, 0}, .same_top1 = {0, 1, 1}};
  return result;
}

class FakeEngine : public Engine {
 public:
  explicit FakeEngine(std::function<UnitResult()> run) : run_(std::move(run)) {}
  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    if (throws_itself) run_();
    return run_one_by_one(tasks, [this](const EngineTask&) { return EngineResult{.unit = run_()}; });
  }
  bool throws_itself = false;  // instead of giving what was thrown as an outcome

 private:
  std::function<UnitResult()> run_;
};

const UnitId kUnit{SampleIndex(5), MethodIndex(2)};

UnitOutcome evaluate(std::function<UnitResult()> run) {
  Assignment assignment;
  assignment.unit = kUnit;
  return Evaluator(std::make_unique<FakeEngine>(std::move(run))).evaluate({&assignment, 1}).at(0);
}

TEST(Evaluator, GivesTheResultItsUnitAndTime) {
  const auto result = std::get<UnitResult>(evaluate([] {
    auto untimed = consistent_result();
    untimed.seconds = -1;
    return untimed;
  }));
  EXPECT_EQ(result.unit, kUnit);
  EXPECT_EQ(result.numbers.total_nll, 3.5);
  EXPECT_GE(result.seconds, 0);
}

TEST(Evaluator, TurnsANllThatIsNotFiniteIntoAFailureNamingTheToken) {
  for (const double bad :
       {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const auto failure = std::get<UnitFailure>(evaluate([&] {
      auto result = consistent_result();
      result.token_nll[1] = bad;
      return result;
    }));
    EXPECT_EQ(failure.unit, kUnit);
    EXPECT_THAT(failure.reason, testing::HasSubstr("token 2"));
  }
}

TEST(Evaluator, TurnsANanScoreAndExhaustedMemoryIntoFailures) {
  const auto nan = evaluate([]() -> UnitResult { throw std::domain_error("a score is NaN"); });
  EXPECT_EQ(std::get<UnitFailure>(nan).reason, "a score is NaN");
  const auto memory = evaluate([]() -> UnitResult { throw std::bad_alloc(); });
  EXPECT_EQ(std::get<UnitFailure>(memory).reason, "out of memory");
  const auto libtorch = evaluate([]() -> UnitResult {
    at::empty({std::int64_t{1} << 60}, at::kByte);
    return UnitResult();
  });
  EXPECT_THAT(std::get<UnitFailure>(libtorch).reason, testing::HasSubstr("allocate"));
}

TEST(Evaluator, BlamesNoUnitForADeviceThatFails) {
  for (const bool is_outcome : {true, false}) {
    FakeEngine engine([]() -> UnitResult {
      throw std::runtime_error("CUDA error: launch of a kernel: uncorrectable ECC error encountered");
    });
    engine.throws_itself = !is_outcome;
    Assignment assignment;
    assignment.unit = kUnit;
    Evaluator evaluator(std::make_unique<FakeEngine>(engine), "cuda:3 (NVIDIA H100)");
    try {
      evaluator.evaluate({&assignment, 1});
      ADD_FAILURE();
    } catch (const DeviceLost& lost) {
      EXPECT_EQ(lost.device, "cuda:3 (NVIDIA H100)");
      EXPECT_THAT(lost.what(), testing::HasSubstr("uncorrectable ECC error"));
    }
  }
}

TEST(Evaluator, FailsAllUnitsIfTheEngineLacksMemoryForThemTogether) {
  FakeEngine engine([]() -> UnitResult { throw std::bad_alloc(); });
  engine.throws_itself = true;
  const std::vector<Assignment> two(2);
  for (const auto& outcome : Evaluator(std::make_unique<FakeEngine>(engine)).evaluate(two))
    EXPECT_EQ(std::get<UnitFailure>(outcome).reason, "out of memory");
}

TEST(Evaluator, TakesAnyOtherErrorOfLibtorchForABug) {
  EXPECT_THROW(evaluate([]() -> UnitResult {
                 at::empty({2}, at::kFloat).view({3});
                 return UnitResult();
               }),
               InvariantError);
}

TEST(Evaluator, LetsABrokenInvariantThrough) {
  EXPECT_THROW(evaluate([]() -> UnitResult { throw InvariantError("broken"); }), InvariantError);
}

// ---- distributions

const MethodSpec kBaseline{"baseline", "Baseline", KeepAll{}, {}};

// An engine that tells what it is asked for. The last hidden states of a sample are its index; kl is theirs.
class ComparingEngine : public Engine {
 public:
  struct Asked {
    std::int64_t sample;
    std::string method;
    double reference;  // -1: none
    friend bool operator==(const Asked&, const Asked&) = default;
  };
  struct Log {
    std::vector<std::vector<Asked>> calls;
    std::int64_t sample_that_fails = -1;  // under the baseline
    bool is_finite = true;
  };

  explicit ComparingEngine(Log& log) : log_(log) {}

  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    log_.calls.emplace_back();
    const double n_tasks = static_cast<double>(tasks.size());
    double n_done = 0;
    return run_one_by_one(tasks, [&](const EngineTask& task) {
      auto result = run_one(task);
      if (work_observer()) work_observer()(++n_done / n_tasks);
      return result;
    });
  }

 private:
  EngineResult run_one(const EngineTask& task) {
    const auto sample = task.sample->index.value;
    const double reference = task.reference.defined() ? task.reference.item<double>() : -1;
    log_.calls.back().push_back({sample, task.method->name, reference});
    if (*task.method == kBaseline && sample == log_.sample_that_fails)
      throw std::domain_error("a score is NaN");
    EngineResult result{.unit = consistent_result()};
    result.unit.numbers.divergence.reset();
    result.unit.sketches = {};
    result.unit.token_quality = {};
    if (task.reference.defined() && log_.is_finite) {
      result.unit.numbers.divergence = Divergence{.sum_kl = reference};
      result.unit.sketches.kl = result.unit.sketches.delta_p = sketch_of(std::vector<double>{0, 0, 0});
    }
    if (task.gives_last_hidden) result.last_hidden = at::full({1}, static_cast<double>(sample), at::kDouble);
    return result;
  }

  Log& log_;
};

constexpr auto kNoReference = -1.0;

Assignment assignment(std::int64_t sample, std::int64_t method) {
  Assignment assigned;
  assigned.unit = {SampleIndex(sample), MethodIndex(method)};
  assigned.sample = {SampleIndex(sample), {1, 2, 3, 4}};
  assigned.method =
      method == 0 ? kBaseline : MethodSpec{"m" + std::to_string(method), "M", RatioBudget{0.5}, {}};
  return assigned;
}

class ComparingEvaluator : public testing::Test {
 protected:
  // Bytes of the states of one sample.
  static constexpr std::int64_t kOne = 8;

  std::unique_ptr<Evaluator> evaluator(std::int64_t reference_memory) {
    return std::make_unique<Evaluator>(std::make_unique<ComparingEngine>(log_), "cpu", reference_memory);
  }
  static double kl_of(const UnitOutcome& outcome) {
    return std::get<UnitResult>(outcome).numbers.divergence.value().sum_kl;
  }

  using Asked = ComparingEngine::Asked;
  ComparingEngine::Log log_;
};

TEST_F(ComparingEvaluator, RunsBaselinesFirstAndGivesTheirStatesToTheOthersOfTheirSample) {
  const std::vector units{assignment(7, 1), assignment(5, 0), assignment(7, 0), assignment(5, 2)};
  const auto outcomes = evaluator(0)->evaluate(units, kBaseline);
  EXPECT_THAT(log_.calls, testing::ElementsAre(testing::ElementsAre(Asked{5, "baseline", kNoReference},
                                                                    Asked{7, "baseline", kNoReference},
                                                                    Asked{7, "m1", 7}, Asked{5, "m2", 5})));
  for (std::size_t i = 0; i < units.size(); ++i)
    EXPECT_EQ(std::get<UnitResult>(outcomes[i]).unit, units[i].unit);
  EXPECT_EQ(kl_of(outcomes[0]), 7);
  EXPECT_EQ(kl_of(outcomes[3]), 5);
  EXPECT_FALSE(std::get<UnitResult>(outcomes[1]).numbers.divergence);
}

TEST_F(ComparingEvaluator, RunsTheBaselineAgainOnlyWhereItsStatesAreForgotten) {
  for (const std::int64_t memory : {0, 1, 2}) {
    log_ = {};
    const auto worker = evaluator(memory * kOne);
    for (const std::int64_t sample : {3, 4}) worker->evaluate(std::vector{assignment(sample, 0)}, kBaseline);
    for (const std::int64_t sample : {3, 4}) {
      const auto outcomes = worker->evaluate(std::vector{assignment(sample, 1)}, kBaseline);
      EXPECT_EQ(kl_of(outcomes.at(0)), static_cast<double>(sample));
    }
    // With one place, sample 3 was forgotten when 4 came; and its second states took the place of those of 4.
    std::size_t n_units = 0;
    for (const auto& call : log_.calls) n_units += call.size();
    EXPECT_EQ(n_units, memory == 2 ? 4u : 6u) << memory;
  }
}

TEST_F(ComparingEvaluator, RunsAMissingBaselineOnceForAllUnitsOfASample) {
  const auto outcomes = evaluator(0)->evaluate(std::vector{assignment(3, 1), assignment(3, 2)}, kBaseline);
  EXPECT_THAT(log_.calls, testing::ElementsAre(testing::ElementsAre(Asked{3, "baseline", kNoReference},
                                                                    Asked{3, "m1", 3}, Asked{3, "m2", 3})));
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST_F(ComparingEvaluator, ComparesNothingUnlessItIsToldTheBaseline) {
  evaluator(100)->evaluate(std::vector{assignment(3, 0), assignment(3, 1)});
  EXPECT_THAT(log_.calls, testing::ElementsAre(testing::ElementsAre(Asked{3, "baseline", kNoReference},
                                                                    Asked{3, "m1", kNoReference})));
}

TEST_F(ComparingEvaluator, FailsTheUnitsWhoseBaselineFails) {
  log_.sample_that_fails = 3;
  const auto outcomes =
      evaluator(0)->evaluate(std::vector{assignment(3, 1), assignment(4, 1), assignment(3, 2)}, kBaseline);
  EXPECT_EQ(std::get<UnitFailure>(outcomes[0]).reason, "a score is NaN");
  EXPECT_EQ(std::get<UnitFailure>(outcomes[0]).unit, (UnitId{SampleIndex(3), MethodIndex(1)}));
  EXPECT_EQ(kl_of(outcomes[1]), 4);
  EXPECT_EQ(std::get<UnitFailure>(outcomes[2]).reason, "a score is NaN");
}

TEST_F(ComparingEvaluator, FailsAUnitWhoseComparisonIsNotFinite) {
  log_.is_finite = false;
  const auto outcomes = evaluator(0)->evaluate(std::vector{assignment(3, 0), assignment(3, 1)}, kBaseline);
  EXPECT_TRUE(std::holds_alternative<UnitResult>(outcomes[0]));
  EXPECT_THAT(std::get<UnitFailure>(outcomes[1]).reason, testing::HasSubstr("is not finite"));
}

TEST_F(ComparingEvaluator, TellsTheShareOfAllThatItRuns) {
  std::vector<double> shares;
  const auto worker = evaluator(100);
  worker->observe_work([&](double share) { shares.push_back(share); });
  worker->evaluate(std::vector{assignment(3, 0), assignment(3, 1), assignment(3, 2), assignment(3, 3)},
                   kBaseline);
  EXPECT_THAT(shares, testing::ElementsAre(0.25, 0.5, 0.75, 1));
  shares.clear();
  worker->evaluate(std::vector{assignment(3, 1), assignment(3, 2)}, kBaseline);
  EXPECT_THAT(shares, testing::ElementsAre(0.5, 1));
}

// ---- counts

using Change = std::function<void(UnitResult&)>;
class CheckConservation : public testing::TestWithParam<std::pair<const char*, Change>> {};

TEST_P(CheckConservation, CatchesACountThatDoesNotAddUp) {
  auto result = consistent_result();
  ASSERT_NO_THROW(check_conservation(result));
  GetParam().second(result);
  EXPECT_THROW(check_conservation(result), InvariantError);
}

INSTANTIATE_TEST_SUITE_P(EachLaw, CheckConservation,
                         testing::ValuesIn(std::vector<std::pair<const char*, Change>>{
                             {"nll", [](auto& r) { r.token_nll.pop_back(); }},
                             {"original", [](auto& r) { ++r.numbers.keys.original; }},
                             {"sum", [](auto& r) { ++r.numbers.keys.kept; }},
                             {"heads", [](auto& r) { r.kept.per_head.push_back(1); }},
                             {"kept", [](auto& r) { r.kept.per_head[0] = 5; }},
                             {"negative", [](auto& r) { r.kept.per_head[1] = -1; }},
                             {"position", [](auto& r) { ++r.kept.by_position[1]; }},
                             {"attendable", [](auto& r) { ++r.numbers.keys.attendable; }},
                             {"attended", [](auto& r) { r.numbers.keys.attended = 21; }},
                             {"withheld", [](auto& r) { r.numbers.keys.withheld_from_scored = 3; }},
                             {"compressible_kept", [](auto& r) { r.numbers.keys.compressible_kept = 7; }},
                             {"peak_low", [](auto& r) { r.numbers.keys.peak = 5; }},
                             {"peak_high", [](auto& r) { r.numbers.keys.peak = 9; }},
                             {"hits", [](auto& r) { r.numbers.answers->greedy_hits = 4; }},
                             {"exact", [](auto& r) { r.numbers.answers->spans_exact = 2; }},
                             {"top1", [](auto& r) { r.numbers.divergence->n_same_top1 = 4; }},
                             {"three_nats", [](auto& r) { r.numbers.divergence->n_delta_nll_above_3 = 2; }},
                             {"acceptance", [](auto& r) { r.numbers.divergence->sum_acceptance = 3.1; }},
                             {"delta_p", [](auto& r) { r.numbers.divergence->sum_delta_p = -3.1; }},
                             {"sketch", [](auto& r) { ++r.sketches.kl.counts.back(); }},
                             {"sketch_end", [](auto& r) { r.sketches.delta_p.largest = 2; }},
                             {"no_sketch", [](auto& r) { r.sketches = {}; }},
                             {"tokens", [](auto& r) { r.token_quality.kl.pop_back(); }},
                             {"no_answers", [](auto& r) { r.numbers.answers.reset(); }},
                         }),
                         [](const auto& test) { return test.param.first; });

}  // namespace
}  // namespace kvcompare
