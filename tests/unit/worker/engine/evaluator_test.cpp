#include "worker/engine/evaluator.h"

#include <functional>
#include <limits>
#include <new>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ops/empty.h>

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
  return result;
}

class FakeEngine : public Engine {
 public:
  explicit FakeEngine(std::function<UnitResult()> run) : run_(std::move(run)) {}
  std::vector<EngineOutcome> run_together(std::span<const EngineTask> tasks) override {
    if (throws_itself) run_();
    return run_one_by_one(tasks, [this](const EngineTask&) { return run_(); });
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
                         }),
                         [](const auto& test) { return test.param.first; });

}  // namespace
}  // namespace kvcompare
