#include "worker/gpu/out_of_memory.h"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <c10/util/Exception.h>

#include "common/errors.h"
#include "worker/engine/failure_kind.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using Calls = std::vector<std::pair<std::size_t, std::int64_t>>;  // unit, rows

[[noreturn]] void lack_memory() {
  TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB.");
}

EngineResult result_of(std::int64_t n) {
  EngineResult result;
  result.unit.numbers.n_tokens = n;
  return result;
}

EngineOutcome outcome_of(const std::function<EngineResult()>& run) {
  try {
    return run();
  } catch (...) {
    return std::current_exception();
  }
}

EngineOutcome lacking() {
  return outcome_of([]() -> EngineResult { lack_memory(); });
}

// A device in which a unit i fits alone in blocks of at most fits[i] rows.
struct FakeDevice {
  std::vector<std::int64_t> fits;
  Calls calls;

  AloneRun alone() {
    return {.run =
                [this](std::size_t i, std::int64_t n_rows) {
                  calls.push_back({i, n_rows});
                  if (n_rows > fits[i]) lack_memory();
                  return result_of(static_cast<std::int64_t>(i));
                },
            .sizes =
                [](std::size_t i, std::int64_t n_rows) {
                  return "SIZES(" + std::to_string(i) + ", " + std::to_string(n_rows) + ")";
                }};
  }
};

std::string reason(const EngineOutcome& outcome) { return text_of(std::get<std::exception_ptr>(outcome)); }

TEST(WithSmallerBlocks, HalvesTheRowsDownToTheSmallest) {
  for (const auto& [fits, expected] : std::vector<std::pair<std::int64_t, std::vector<std::int64_t>>>{
           {2000, {1000}}, {500, {1000, 500}}, {300, {1000, 500, 250}}, {200, {1000, 500, 250, 200}}}) {
    std::vector<std::int64_t> tried;
    with_smaller_blocks({.first = 1000, .smallest = 200}, [&](std::int64_t n) {
      tried.push_back(n);
      if (n > fits) lack_memory();
      return result_of(n);
    });
    EXPECT_EQ(tried, expected);
  }
}

TEST(WithSmallerBlocks, GivesUpAtTheSmallestAndAtOnceForAnotherFailure) {
  int n_runs = 0;
  EXPECT_THROW(with_smaller_blocks({.first = 256, .smallest = 256},
                                   [&](std::int64_t) -> EngineResult { ++n_runs, lack_memory(); }),
               c10::OutOfMemoryError);
  EXPECT_THROW(with_smaller_blocks({.first = 256, .smallest = 16},
                                   [&](std::int64_t) -> EngineResult {
                                     ++n_runs;
                                     throw std::domain_error("a score is NaN");
                                   }),
               std::domain_error);
  EXPECT_EQ(n_runs, 2);
}

TEST(AnswerOutOfMemory, RunsThoseAloneThatMemoryDidNotSufficeFor) {
  FakeDevice device{.fits = {0, 512, 512, 512}, .calls = {}};
  std::vector<EngineOutcome> together{
      result_of(100), lacking(), std::make_exception_ptr(std::domain_error("a score is NaN")), lacking()};
  const auto outcomes =
      answer_out_of_memory(std::move(together), {.first = 512, .smallest = 64}, device.alone());
  EXPECT_EQ(device.calls, (Calls{{1, 512}, {3, 512}}));
  EXPECT_EQ(std::get<EngineResult>(outcomes[0]).unit.numbers.n_tokens, 100);
  EXPECT_EQ(std::get<EngineResult>(outcomes[1]).unit.numbers.n_tokens, 1);
  EXPECT_EQ(reason(outcomes[2]), "a score is NaN");
  EXPECT_EQ(std::get<EngineResult>(outcomes[3]).unit.numbers.n_tokens, 3);
}

TEST(AnswerOutOfMemory, FailsAUnitNamingTheSizesAndGoesOnWithTheOthers) {
  FakeDevice device{.fits = {100, 10, 100}, .calls = {}};
  const auto outcomes =
      answer_out_of_memory({lacking(), lacking(), lacking()}, {.first = 256, .smallest = 64}, device.alone());
  EXPECT_EQ(device.calls,
            (Calls{{0, 256}, {0, 128}, {0, 64}, {1, 256}, {1, 128}, {1, 64}, {2, 256}, {2, 128}, {2, 64}}));
  EXPECT_EQ(std::get<EngineResult>(outcomes[0]).unit.numbers.n_tokens, 0);
  EXPECT_EQ(reason(outcomes[1]),
            "out of memory, alone and in blocks of 64 rows: the unit needs SIZES(1, 64); CUDA out of memory. "
            "Tried to "
            "allocate 2.00 GiB.");
  EXPECT_EQ(kind_of(std::get<std::exception_ptr>(outcomes[1])), FailureKind::kMemory);
  EXPECT_EQ(std::get<EngineResult>(outcomes[2]).unit.numbers.n_tokens, 2);
}

TEST(AnswerOutOfMemory, LetsALostDeviceBeWhatItIs) {
  const AloneRun alone{.run = [](std::size_t, std::int64_t) -> EngineResult {
                         throw std::runtime_error("CUDA error: unspecified launch failure");
                       },
                       .sizes = [](std::size_t, std::int64_t) { return std::string(); }};
  const auto outcomes = answer_out_of_memory({lacking()}, {.first = 256, .smallest = 64}, alone);
  EXPECT_EQ(kind_of(std::get<std::exception_ptr>(outcomes[0])), FailureKind::kDevice);
}

}  // namespace
}  // namespace kvcompare
