#include "worker/gpu/kernels/fixed_schedule_kernel.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/sort.h>

#include "common/run/method_parameters.h"
#include "presses/policy/eviction_slots.h"
#include "presses/registry.h"
#include "presses/schedule/schedule_fixed.h"
#include "presses/scorer.h"
#include "tests/kernels/reference/fixed_schedule_kernel_reference.h"
#include "tests/support/kernel_run.h"
#include "tests/unit/presses/schedule/naive_schedule.h"
#include "tests/unit/presses/schedule/shape_rule.h"

namespace kvcompare {
namespace {

static_assert(kStays == kNever);
constexpr auto kNan = std::numeric_limits<double>::quiet_NaN();
constexpr auto kInfinity = std::numeric_limits<double>::infinity();

using Scores = std::vector<std::vector<double>>;  // [n_kv_heads][n_tokens]
using Deaths = KernelVector<std::int32_t>;

struct Outcome {
  Deaths deaths, until;
  KernelVector<int> status{0};

  bool operator==(const Outcome&) const = default;
};

KernelVector<double> flat(const Scores& scores) {
  KernelVector<double> all;
  for (const auto& head : scores) all.insert(all.end(), head.begin(), head.end());
  return all;
}

LayerDeaths layer_of(const naive::Shape& shape, std::size_t n_kv_heads, Outcome& outcome) {
  const auto n = n_kv_heads * naive::size(shape.n_tokens);
  outcome.deaths.assign(n, -77);
  outcome.until.assign(n, -77);
  return {outcome.deaths.data(), outcome.until.data(), static_cast<std::int64_t>(n_kv_heads),
          shape.n_tokens,        shape.chunk_size,     shape.events_from,
          shape.events_until};
}

// Positions of each head from the best score to the worst.
KernelVector<std::int64_t> order_of(const KernelVector<double>& scores, std::int64_t n_kv_heads) {
  const auto matrix = at::from_blob(const_cast<double*>(scores.data()),
                                    {n_kv_heads, std::ssize(scores) / n_kv_heads}, at::kDouble);
  const auto order =
      std::get<1>(at::sort(matrix, /*stable=*/true, /*dim=*/1, /*descending=*/true)).contiguous();
  const auto* first = order.const_data_ptr<std::int64_t>();
  return {first, first + order.numel()};
}

// What an engine does: sorts, says how many keys each event evicts, and starts the kernel.
template <class Run>
Outcome by_budget(const naive::Shape& shape, const Scores& scores, Run run) {
  Outcome outcome;
  const auto all = flat(scores);
  const auto order = order_of(all, std::ssize(scores));
  const auto slots = eviction_slots(naive::rule_of(shape), naive::chunking_of(shape));
  const auto events = kernel_copy(slots.events), first = kernel_copy(slots.first);
  RatioSchedule task{.layer = layer_of(shape, scores.size(), outcome),
                     .scores = all.data(),
                     .order = order.data(),
                     .slots = events.data(),
                     .first_slot = first.data(),
                     .n_slots = std::ssize(events),
                     .n_sink = shape.n_sink,
                     .status = outcome.status.data()};
  KernelVector<std::max_align_t> workspace(ratio_workspace_bytes(task) / sizeof(std::max_align_t) + 1);
  task.workspace = workspace.data();
  run(task);
  return outcome;
}

template <class Run>
Outcome by_policy(const naive::Shape& shape, const Scores& scores, Run run) {
  if (has_budget(shape.policy)) return by_budget(shape, scores, run);
  Outcome outcome;
  const auto layer = layer_of(shape, scores.size(), outcome);
  const auto all = flat(scores);
  if (const auto* threshold = std::get_if<ScoreThreshold>(&shape.policy))
    run(ThresholdSchedule{layer, all.data(), threshold->threshold, threshold->sliding_window_size,
                          shape.n_sink, outcome.status.data()});
  else
    run(KeepAllSchedule{layer});
  return outcome;
}

constexpr auto kRunKernel = [](const auto& task) {
  run_kernel(task, [](const auto& t) { fixed_schedule_kernel(t, nullptr); });
};

Outcome by_kernel(const naive::Shape& shape, const Scores& scores) {
  const auto outcome = by_policy(shape, scores, kRunKernel);
  set_reverse_warps(true);
  EXPECT_EQ(by_policy(shape, scores, kRunKernel), outcome) << "in another order of warps";
  set_reverse_warps(false);
  return outcome;
}

Outcome by_reference(const naive::Shape& shape, const Scores& scores) {
  return by_policy(shape, scores, [](const auto& task) { fixed_schedule_kernel_reference(task); });
}

Outcome by_presses(const naive::Shape& shape, const Scores& scores) {
  const auto chunking = naive::chunking_of(shape);
  Outcome outcome;
  for (const auto& head : scores) {
    std::vector<DeathTime> deaths(head.size());
    schedule_fixed(naive::rule_of(shape), chunking, head, deaths);
    for (const auto death : deaths) {
      outcome.deaths.push_back(death);
      outcome.until.push_back(static_cast<std::int32_t>(chunking.sees_until(death)));
    }
  }
  return outcome;
}

Deaths deaths_of(const EvictionPolicy& policy, std::int64_t n_sink, std::int64_t chunk_size,
                 const std::vector<double>& scores) {
  const naive::Shape shape{policy, n_sink, std::ssize(scores), chunk_size};
  const auto outcome = by_kernel(shape, {scores});
  EXPECT_EQ(by_reference(shape, {scores}), outcome);
  return outcome.deaths;
}

// Budgets 1, 1, 1, 2, 2. Position 2 beats 1 and 4, but not 0; it has died before there is room for it.
TEST(FixedScheduleKernel, EvictsTheLowestAfterEachToken) {
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 1, {5, 1, 4, 2, 3}), (Deaths{kStays, 1, 2, 4, kStays}));
}

// Events at 2, 4 and 5, budgets 1, 2, 2.
TEST(FixedScheduleKernel, EvictsTheLowestAfterEachChunk) {
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 2, {5, 1, 4, 2, 3}), (Deaths{kStays, 0, kStays, 1, 2}));
}

TEST(FixedScheduleKernel, KeepsTheEarlierPositionOnATie) {
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 2, {7, 7, 7, 7}), (Deaths{kStays, 0, kStays, 1}));
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 4, {0.0, -0.0, 0.0, -0.0}), (Deaths{kStays, kStays, 0, 0}));
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 4, {-kInfinity, -kInfinity, -kInfinity, 0}),
            (Deaths{kStays, 0, 0, kStays}));
}

TEST(FixedScheduleKernel, NeverEvictsASink) {
  EXPECT_EQ(deaths_of(RatioBudget{0.75}, 2, 2, {-9, -8, 1, 2, 3, 4}), (Deaths{kStays, kStays, 1, 1, 2, 2}));
  EXPECT_EQ(deaths_of(ScoreThreshold{.threshold = 0, .sliding_window_size = 0}, 2, 2, {-9, -8, -1, -2}),
            (Deaths{kStays, kStays, 1, 1}));
}

TEST(FixedScheduleKernel, KeepsAScoreAtTheThreshold) {
  const ScoreThreshold policy{.threshold = 0.5, .sliding_window_size = 0};
  EXPECT_EQ(deaths_of(policy, 0, 1, {0.5, std::nextafter(0.5, 0), -kInfinity, kInfinity}),
            (Deaths{kStays, 1, 2, kStays}));
}

// Chunks of 2, 2 and 1: a key that dies at event 1 is seen up to query 3, one that stays up to the last, 4.
TEST(FixedScheduleKernel, SaysUntilWhichQueryAKeyIsSeen) {
  const naive::Shape shape{RatioBudget{0.5}, 0, 5, 2};
  EXPECT_EQ(by_kernel(shape, {{5, 1, 4, 2, 3}}).until, (Deaths{5, 2, 5, 4, 5}));
  EXPECT_EQ(by_kernel({KeepAll{}, 0, 5, 2}, {{5, 1, 4, 2, 3}}).until, (Deaths{5, 5, 5, 5, 5}));
}

TEST(FixedScheduleKernel, ReportsANanThatAnEventRanks) {
  const auto status = [](const EvictionPolicy& policy, std::int64_t n_sink, std::int64_t chunk_size,
                         const std::vector<double>& scores) {
    const naive::Shape shape{policy, n_sink, std::ssize(scores), chunk_size};
    const auto by_kernel_alone = by_kernel(shape, {scores}).status[0];
    EXPECT_EQ(by_reference(shape, {scores}).status[0], by_kernel_alone);
    try {
      by_presses(shape, {scores});
      EXPECT_EQ(by_kernel_alone, 0);
    } catch (const std::domain_error&) {
      EXPECT_EQ(by_kernel_alone, kNanScore);
    }
    return by_kernel_alone;
  };
  EXPECT_EQ(status(RatioBudget{0.5}, 0, 1, {1, kNan}), kNanScore);
  EXPECT_EQ(status(RatioBudget{0.5}, 0, 1, {kNan, 1}), kNanScore);
  EXPECT_EQ(status(RatioBudget{0.5}, 1, 1, {kNan, 1, 1, 1}), kNanScore);  // a sink's counts too
  EXPECT_EQ(status(RatioBudget{0.5}, 0, 4, {1, 2, 3, kNan}), kNanScore);
  EXPECT_EQ(status(RatioBudget{0.5}, 0, 1, {1, 2, 3, kNan}), 0);  // its event at 4 evicts nothing
  EXPECT_EQ(status(RatioBudget{0}, 0, 1, {1, kNan}), 0);
  EXPECT_EQ(status(ScoreThreshold{0, 0}, 0, 1, {1, kNan}), kNanScore);
  EXPECT_EQ(status(ScoreThreshold{0, 3}, 0, 2, {kNan, 1, 1, 1}), kNanScore);
  EXPECT_EQ(status(ScoreThreshold{0, 2}, 0, 1, {1, kNan, 1}), 0);
  EXPECT_EQ(status(ScoreThreshold{0, 0}, 1, 1, {kNan, 1, 1}), 0);
}

class FixedScheduleKernelProperties : public testing::Test {
 protected:
  FixedScheduleKernelProperties() : generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
  }
  ~FixedScheduleKernelProperties() override { set_reverse_warps(false); }

  // n_levels different scores; 0: as many as there are doubles.
  Scores random_scores(std::int64_t n_kv_heads, std::int64_t n, std::int64_t n_levels) {
    std::normal_distribution<double> normal;
    Scores scores(naive::size(n_kv_heads));
    for (auto& head : scores)
      for (std::int64_t j = 0; j < n; ++j)
        head.push_back(n_levels == 0
                           ? normal(generator_)
                           : static_cast<double>(naive::up_to(generator_, n_levels) - n_levels / 2));
    return scores;
  }

  void expect_same_as_presses(const naive::Shape& shape, const Scores& scores) {
    SCOPED_TRACE(to_text(shape) + ", heads " + std::to_string(scores.size()));
    const auto expected = by_presses(shape, scores);
    ASSERT_EQ(by_kernel(shape, scores), expected);
  }

  std::mt19937_64 generator_;
};

TEST_F(FixedScheduleKernelProperties, AreThoseOfPresses) {
  for (const std::int64_t n_tokens : {1, 2, 3, 31, 127, 128, 129, 130, 400})
    for (const std::int64_t n_levels : {0, 1, 4})
      for (const auto& policy : naive::policies(n_tokens, /*typical_score=*/0))
        for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
          if (n_tokens > 100 && naive::up_to(generator_, 3) > 0) continue;  // slow
          const auto n_sink = naive::one_of<std::int64_t>(generator_, {0, 1, 4, 5, n_tokens + 5});
          const naive::Shape shape{policy, n_sink, n_tokens, chunk_size};
          const auto scores = random_scores(1 + naive::up_to(generator_, 3), n_tokens, n_levels);
          expect_same_as_presses(shape, scores);
          if (HasFatalFailure()) return;
        }
}

TEST_F(FixedScheduleKernelProperties, AreThoseOfTheReference) {
  for (const std::int64_t n_tokens : {5, 64, 129})
    for (const std::int64_t n_levels : {0, 3})
      for (const auto& policy : naive::policies(n_tokens, /*typical_score=*/0))
        for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
          const naive::Shape shape{policy, naive::up_to(generator_, 6), n_tokens, chunk_size};
          SCOPED_TRACE(to_text(shape));
          const auto scores = random_scores(2, n_tokens, n_levels);
          ASSERT_EQ(by_reference(shape, scores), by_kernel(shape, scores));
        }
}

// Scores that rise or fall: all keys want the same slot, or each the next.
TEST_F(FixedScheduleKernelProperties, AreThoseOfPressesForScoresInOrder) {
  for (const double ratio : {0.3, 0.5, 0.9})
    for (const std::int64_t chunk_size : {1, 3, 64, 300}) {
      Scores scores(2, std::vector<double>(300));
      std::iota(scores[0].begin(), scores[0].end(), 0);
      std::iota(scores[1].rbegin(), scores[1].rend(), 0);
      expect_same_as_presses({RatioBudget{ratio}, 4, 300, chunk_size}, scores);
      if (HasFatalFailure()) return;
    }
}

// Latest positions that are protected are the host's.
TEST_F(FixedScheduleKernelProperties, AreThoseOfPressesUnderAnyProtocol) {
  for (int round = 0; round < 400; ++round) {
    const auto n_tokens = 1 + naive::up_to(generator_, 70);
    auto shape = naive::with_protocol(
        generator_, {naive::one_of(generator_, naive::policies(n_tokens, /*typical_score=*/0)),
                     naive::one_of(generator_, naive::sink_counts(n_tokens)), n_tokens,
                     naive::one_of(generator_, naive::chunk_sizes(n_tokens))});
    shape.n_last = 0;
    SCOPED_TRACE(to_text(shape));
    expect_same_as_presses(shape,
                           random_scores(2, n_tokens, naive::one_of<std::int64_t>(generator_, {0, 3})));
    if (HasFatalFailure()) return;
  }
}

// More moments than a block of threads takes at once.
TEST_F(FixedScheduleKernelProperties, AreThoseOfPressesForLongSamples) {
  for (const auto& [n_tokens, chunk_size, ratio] :
       {std::tuple{4096, 1, 0.5}, {5000, 8, 0.9}, {9001, 9001, 0.3}}) {
    expect_same_as_presses({RatioBudget{ratio}, 4, n_tokens, chunk_size}, random_scores(1, n_tokens, 0));
    if (HasFatalFailure()) return;
  }
  const naive::Shape shape{RatioBudget{0.75}, 4, 70001, 1};
  const auto scores = random_scores(1, shape.n_tokens, 0);
  EXPECT_EQ(by_policy(shape, scores, kRunKernel), by_presses(shape, scores));
}

TEST(EvictionSlots, AreWhatTheBudgetsLeaveNoRoomFor) {
  for (const std::int64_t n_tokens : {1, 2, 3, 64, 129})
    for (const auto chunk_size : naive::chunk_sizes(n_tokens))
      for (const double ratio : {0.0, 0.1, 0.3, 0.5, 0.75, 0.99})
        for (const std::int64_t n_sink : {std::int64_t{0}, std::int64_t{4}, n_tokens + 5}) {
          const Chunking chunking{n_tokens, chunk_size};
          const auto slots = eviction_slots({RatioBudget{ratio}, n_sink}, chunking);
          ASSERT_EQ(std::ssize(slots.first), chunking.n_events() + 1);
          ASSERT_EQ(slots.first.back(), std::ssize(slots.events));
          std::int64_t n_alive = 0;
          EXPECT_EQ(slots.n_alive(chunking, 0), 0);
          for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
            const auto [n_previous, n] = chunking.event(e);
            if (n > n_previous + 1) {
              EXPECT_EQ(slots.n_alive(chunking, n - 1), n_alive + n - 1 - n_previous);
            }
            n_alive = naive::budget(RatioBudget{ratio}, n, n_sink);
            EXPECT_EQ(slots.n_alive(chunking, n), n_alive);
            for (auto s = slots.first[naive::size(e)]; s < slots.first[naive::size(e + 1)]; ++s)
              EXPECT_EQ(slots.events[naive::size(s)], e);
          }
        }
}

TEST(RandomScoresKernel, AreThoseOfPresses) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{42}, std::uint64_t{0xFEDCBA9876543210}})
    for (const std::int64_t sample : {std::int64_t{0}, std::int64_t{7}, std::int64_t{1} << 60}) {
      const auto scorer = make_scorer({"random", "", RatioBudget{}, {{"seed", parameter_value(seed)}}}, {});
      LayerView view;
      view.n_kv_heads = 3;
      view.n_tokens = 300;
      view.layer = LayerIndex{5};
      view.sample = SampleIndex{sample};
      const auto expected = std::get<std::unique_ptr<FixedScorer>>(scorer)->score(view).contiguous();
      KernelVector<double> scores(900, -1), by_reference(900, -1);
      const RandomScores task{scores.data(), 3, 300, seed, static_cast<std::uint64_t>(sample), 5};
      run_kernel(task, [](const auto& t) { random_scores_kernel(t, nullptr); });
      auto other = task;
      other.scores = by_reference.data();
      random_scores_kernel_reference(other);
      const auto* bits = expected.const_data_ptr<double>();
      EXPECT_EQ(scores, KernelVector<double>(bits, bits + 900));
      EXPECT_EQ(scores, by_reference);
    }
}

}  // namespace
}  // namespace kvcompare
