#include "presses/schedule/schedule_fixed.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/presses/schedule/naive_schedule.h"
#include "tests/unit/presses/schedule/shape_rule.h"

namespace kvcompare {
namespace {

using Deaths = std::vector<DeathTime>;
using Positions = std::vector<std::int64_t>;
constexpr auto kInfinity = std::numeric_limits<double>::infinity();
constexpr auto kNan = std::numeric_limits<double>::quiet_NaN();

Deaths deaths_of(const naive::Shape& shape, const std::vector<double>& scores) {
  Deaths deaths(scores.size(), -77);
  schedule_fixed(naive::rule_of(shape), naive::chunking_of(shape), scores, deaths);
  return deaths;
}

Deaths deaths_of(const EvictionPolicy& policy, std::int64_t n_sink, std::int64_t chunk_size,
                 const std::vector<double>& scores) {
  return deaths_of({policy, n_sink, std::ssize(scores), chunk_size}, scores);
}

Deaths naive_deaths_of(const naive::Shape& shape, const std::vector<double>& scores) {
  return naive::schedule(shape, [&](std::int64_t, const Positions& alive) {
    std::vector<double> of_alive;
    for (const auto j : alive) of_alive.push_back(scores[naive::size(j)]);
    return of_alive;
  });
}

TEST(Chunking, EndsWithTheSample) {
  const Chunking chunking{.n_tokens = 9, .chunk_size = 4};
  EXPECT_EQ(chunking.n_events(), 3);
  EXPECT_EQ(chunking.n_at(0), 4);
  EXPECT_EQ(chunking.n_at(1), 8);
  EXPECT_EQ(chunking.n_at(2), 9);
  EXPECT_EQ(chunking.event(0).n_previous, 0);
  EXPECT_EQ(chunking.event(2).n_previous, 8);
  EXPECT_EQ(chunking.event(2).n, 9);
  EXPECT_EQ((Chunking{.n_tokens = 8, .chunk_size = 4}.n_events()), 2);
  EXPECT_EQ((Chunking{.n_tokens = 3, .chunk_size = 64}.n_events()), 1);
  EXPECT_EQ((Chunking{.n_tokens = 3, .chunk_size = 64}.n_at(0)), 3);
}

// A context of 5 tokens, then 4 by 4, of which the last are 2.
TEST(Chunking, OfGenerateBeginsAfterTheContext) {
  const auto chunking = chunking_of(11, 5, 4, {ProtocolKind::kGenerate, BudgetCounts::kGenerated});
  EXPECT_EQ(chunking.n_events(), 2);
  EXPECT_EQ(chunking.n_chunks(), 3);
  EXPECT_EQ(chunking.n_at(0), 9);
  EXPECT_EQ(chunking.n_at(1), 11);
  EXPECT_EQ(chunking.event(0).n_previous, 0);
  EXPECT_EQ(chunking.event(1).n_previous, 9);
  EXPECT_EQ(chunking.n_uncounted, 5);
  EXPECT_EQ(chunking.chunk_end(0), 5);
  EXPECT_EQ(chunking.chunk_end(5), 9);
  EXPECT_EQ(chunking.chunk_end(9), 11);
  EXPECT_FALSE(chunking.event_at(5));
  EXPECT_EQ(chunking.event_at(9), 0);
  EXPECT_FALSE(chunking.event_at(10));
  EXPECT_EQ(chunking.event_at(11), 1);
  EXPECT_EQ(chunking.n_events_by(8), 0);
  EXPECT_EQ(chunking.n_events_by(10), 1);
  EXPECT_EQ(chunking.sees_until(0), 9);
  EXPECT_EQ(chunking.sees_until(1), 11);
}

TEST(Chunking, OfPrefillHasOneEventAtTheEndOfTheContext) {
  const auto chunking = chunking_of(9, 5, 2, {ProtocolKind::kPrefill});
  EXPECT_EQ(chunking.n_events(), 1);
  EXPECT_EQ(chunking.n_chunks(), 5);
  EXPECT_EQ(chunking.n_at(0), 5);
  EXPECT_EQ(chunking.chunk_end(0), 5);
  EXPECT_EQ(chunking.chunk_end(5), 6);
  EXPECT_EQ(chunking.event_at(5), 0);
  EXPECT_FALSE(chunking.event_at(9));
  EXPECT_EQ(chunking.n_events_by(9), 1);
  EXPECT_EQ(chunking.sees_until(0), 5);
  EXPECT_EQ(chunking.sees_until(kNever), 9);
}

TEST(Chunking, OfAWholeContextIsOneChunk) {
  for (const auto& n_context : std::vector<std::optional<std::int64_t>>{std::nullopt, 7, 8}) {
    const auto prefill = chunking_of(7, n_context, 2, {ProtocolKind::kPrefill});
    EXPECT_EQ(prefill.n_events(), 1);
    EXPECT_EQ(prefill.n_at(0), 7);
    const auto generate = chunking_of(7, n_context, 2, {ProtocolKind::kGenerate});
    EXPECT_EQ(generate.n_events(), 0);
    EXPECT_EQ(generate.chunk_end(0), 7);
    EXPECT_EQ(generate.n_chunks(), 1);
  }
}

TEST(Chunking, WithoutAContextEvictsNothingOrAsDecode) {
  EXPECT_EQ(chunking_of(7, 0, 2, {ProtocolKind::kPrefill}).n_events(), 0);
  EXPECT_EQ(chunking_of(7, 0, 2, {ProtocolKind::kGenerate}), (Chunking{7, 2}));
  EXPECT_EQ(chunking_of(7, 3, 2, {ProtocolKind::kDecode}), (Chunking{7, 2}));
}

TEST(Chunking, HidesADeadKeyFromTheNextChunkOn) {
  const Chunking chunking{.n_tokens = 9, .chunk_size = 4};
  EXPECT_EQ(chunking.sees_until(0), 4);
  EXPECT_EQ(chunking.sees_until(1), 8);
  EXPECT_EQ(chunking.sees_until(2), 9);
  EXPECT_EQ(chunking.sees_until(kNever), 9);
}

// Budgets 1, 1, 1, 2, 2. Position 2 beats 1 and 4, but not 0; it has died before there is room for it.
TEST(ScheduleFixed, EvictsTheLowestAfterEachToken) {
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 1, {5, 1, 4, 2, 3}), (Deaths{kNever, 1, 2, 4, kNever}));
}

// Events at 2, 4 and 5, budgets 1, 2, 2.
TEST(ScheduleFixed, EvictsTheLowestAfterEachChunk) {
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 2, {5, 1, 4, 2, 3}), (Deaths{kNever, 0, kNever, 1, 2}));
}

TEST(ScheduleFixed, KeepsTheEarlierPositionOnATie) {
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 2, {7, 7, 7, 7}), (Deaths{kNever, 0, kNever, 1}));
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 4, {-kInfinity, -kInfinity, -kInfinity, 0}),
            (Deaths{kNever, 0, 0, kNever}));
}

TEST(ScheduleFixed, NeverEvictsASink) {
  EXPECT_EQ(deaths_of(RatioBudget{0.75}, 2, 2, {-9, -8, 1, 2, 3, 4}), (Deaths{kNever, kNever, 1, 1, 2, 2}));
  EXPECT_EQ(deaths_of(ScoreThreshold{.threshold = 0, .sliding_window_size = 0}, 2, 2, {-9, -8, -1, -2}),
            (Deaths{kNever, kNever, 1, 1}));
}

// Events at 2, 4, 6, 8 and 9; a position j is judged at the first of them beyond j + 3.
TEST(ScheduleFixed, JudgesAPositionAtTheFirstEventThatItsWindowHasPassed) {
  const ScoreThreshold policy{.threshold = 0, .sliding_window_size = 3};
  EXPECT_EQ(deaths_of(policy, 0, 2, std::vector<double>(9, -1)),
            (Deaths{1, 2, 2, 3, 3, 4, kNever, kNever, kNever}));
  EXPECT_EQ(deaths_of(policy, 0, 9, std::vector<double>(9, -1)),
            (Deaths{0, 0, 0, 0, 0, 0, kNever, kNever, kNever}));
  EXPECT_EQ(deaths_of(policy, 0, 1, std::vector<double>(6, -1)), (Deaths{3, 4, 5, kNever, kNever, kNever}));
}

TEST(ScheduleFixed, KeepsAScoreAtTheThreshold) {
  const ScoreThreshold policy{.threshold = 0.5, .sliding_window_size = 0};
  EXPECT_EQ(deaths_of(policy, 0, 1, {0.5, std::nextafter(0.5, 0), -kInfinity, kInfinity}),
            (Deaths{kNever, 1, 2, kNever}));
}

// e = (j + W) / C, the last event if the last chunk is short, and never if no event lies beyond j + W.
TEST(ScheduleFixed, TimesDeathsUnderAThresholdByArithmetic) {
  for (const std::int64_t n_tokens : {1, 2, 3, 7, 8, 9, 127, 128, 129, 130})
    for (const auto chunk_size : naive::chunk_sizes(n_tokens))
      for (const std::int64_t window : {0, 1, 2, 8, 127, 200}) {
        const naive::Shape shape{ScoreThreshold{0, window}, 0, n_tokens, chunk_size};
        SCOPED_TRACE(to_text(shape));
        const auto deaths = deaths_of(shape, std::vector<double>(naive::size(n_tokens), -1));
        for (std::int64_t j = 0; j < n_tokens; ++j)
          ASSERT_EQ(deaths[naive::size(j)], j + window < n_tokens ? (j + window) / chunk_size : kNever) << j;
      }
}

TEST(ScheduleFixed, EvictsNothingWithoutAPolicy) {
  EXPECT_EQ(deaths_of(KeepAll{}, 0, 1, {3, 1, kNan}), (Deaths{kNever, kNever, kNever}));
}

TEST(ScheduleFixed, RefusesToRankANan) {
  EXPECT_THROW(deaths_of(RatioBudget{0.5}, 0, 1, {1, kNan}), std::domain_error);
  EXPECT_THROW(deaths_of(RatioBudget{0.5}, 0, 1, {kNan, 1}), std::domain_error);
  EXPECT_THROW(deaths_of(RatioBudget{0.5}, 0, 4, {1, 2, 3, kNan}), std::domain_error);
  EXPECT_THROW(deaths_of(ScoreThreshold{0, 0}, 0, 1, {1, kNan}), std::domain_error);
  EXPECT_THROW(deaths_of(ScoreThreshold{0, 3}, 0, 2, {kNan, 1, 1, 1}), std::domain_error);
}

TEST(ScheduleFixed, MindsNoNanThatItNeedNotRank) {
  EXPECT_EQ(deaths_of(RatioBudget{0}, 0, 1, {1, kNan}), (Deaths{kNever, kNever}));
  EXPECT_EQ(deaths_of(ScoreThreshold{0, 2}, 0, 1, {1, kNan, 1}), (Deaths{kNever, kNever, kNever}));
}

class ScheduleFixedProperties : public testing::Test {
 protected:
  ScheduleFixedProperties() : generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
  }

  // n_levels different scores; 0: as many as there are doubles.
  std::vector<double> random_scores(std::int64_t n, std::int64_t n_levels) {
    std::normal_distribution<double> normal;
    std::vector<double> scores;
    while (std::ssize(scores) < n)
      scores.push_back(n_levels == 0
                           ? normal(generator_)
                           : static_cast<double>(naive::up_to(generator_, n_levels) - n_levels / 2));
    return scores;
  }

  std::mt19937_64 generator_;
};

TEST_F(ScheduleFixedProperties, IsTheDefinitionEventByEvent) {
  for (const std::int64_t n_tokens : {1, 2, 3, 127, 128, 129, 130, 400})
    for (const std::int64_t n_levels : {0, 1, 4})
      for (const auto& policy : naive::policies(n_tokens, /*typical_score=*/0))
        for (const auto n_sink : naive::sink_counts(n_tokens))
          for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
            const naive::Shape shape{policy, n_sink, n_tokens, chunk_size};
            SCOPED_TRACE(to_text(shape) + ", levels " + std::to_string(n_levels));
            const auto scores = random_scores(n_tokens, n_levels);
            ASSERT_EQ(deaths_of(shape, scores), naive_deaths_of(shape, scores));
          }
}

// Any protocol, any first and latest positions that are spared.
TEST_F(ScheduleFixedProperties, IsTheDefinitionUnderAnyProtocolAndProtection) {
  for (int round = 0; round < 4000; ++round) {
    const auto n_tokens = 1 + naive::up_to(generator_, 60);
    const auto n_levels = naive::one_of<std::int64_t>(generator_, {0, 1, 4});
    const auto shape = naive::with_protocol(
        generator_, {naive::one_of(generator_, naive::policies(n_tokens, /*typical_score=*/0)),
                     naive::one_of(generator_, naive::sink_counts(n_tokens)), n_tokens,
                     naive::one_of(generator_, naive::chunk_sizes(n_tokens))});
    SCOPED_TRACE(to_text(shape) + ", levels " + std::to_string(n_levels));
    const auto scores = random_scores(n_tokens, n_levels);
    ASSERT_EQ(deaths_of(shape, scores), naive_deaths_of(shape, scores));
  }
}

// A size of 3 with 1 sink. One protected key leaves room for the best of the others; three do not, and the
// earliest of them go.
TEST(ScheduleFixed, EvictsProtectedKeysOnlyWhereNothingElseIsLeft) {
  naive::Shape shape{SizeBudget{3}, /*n_sink=*/1, 6, 1};
  shape.n_last = 1;
  EXPECT_EQ(deaths_of(shape, {0, 1, 9, 1, 1, 1}), (Deaths{kNever, 3, kNever, 4, 5, kNever}));
  shape.n_last = 3;
  EXPECT_EQ(deaths_of(shape, {0, 1, 9, 1, 1, 1}), (Deaths{kNever, 3, 4, 5, kNever, kNever}));
}

// What is alive after the event at n.
Positions alive_at(const naive::Shape& shape, const Deaths& deaths, std::int64_t n) {
  const auto ends = naive::ends(shape.n_tokens, shape.chunk_size);
  const auto event = std::ranges::find(ends, n) - ends.begin();
  Positions alive;
  for (std::int64_t j = 0; j < n; ++j)
    if (deaths[naive::size(j)] > event) alive.push_back(j);
  return alive;
}

// Calls check(a, b, n) with what is alive after n for a pair of chunk sizes that both have an event there.
template <class Check>
void at_common_events(naive::Shape shape, const std::vector<double>& scores, Check check) {
  const auto sizes = naive::chunk_sizes(shape.n_tokens);
  for (const auto one : sizes)
    for (const auto other : sizes) {
      if (one >= other) continue;
      const auto both = std::lcm(one, other);
      for (auto n = std::min(both, shape.n_tokens);; n = std::min(n + both, shape.n_tokens)) {
        auto a = shape, b = shape;
        a.chunk_size = one;
        b.chunk_size = other;
        SCOPED_TRACE(to_text(a) + " or " + std::to_string(other) + ", at " + std::to_string(n));
        check(alive_at(a, deaths_of(a, scores), n), alive_at(b, deaths_of(b, scores), n), n);
        if (n == shape.n_tokens) break;
      }
    }
}

// A budget that grows has room, later, for keys that have died: under a ratio the chunk size matters.
TEST_F(ScheduleFixedProperties, MayKeepOtherKeysInOtherChunksUnderARatio) {
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 1, {4, 3, 2, 1}), (Deaths{kNever, 1, 2, kNever}));
  EXPECT_EQ(deaths_of(RatioBudget{0.5}, 0, 4, {4, 3, 2, 1}), (Deaths{kNever, kNever, 0, 0}));
}

TEST_F(ScheduleFixedProperties, KeepsAsManyKeysInAllChunksUnderARatio) {
  for (const double ratio : {0.0, 0.3, 0.5, 0.9, 0.99})
    for (const std::int64_t n_sink : {0, 4, 135}) {
      const naive::Shape shape{RatioBudget{ratio}, n_sink, 130, 1};
      at_common_events(shape, random_scores(130, 0),
                       [&](const Positions& a, const Positions& b, std::int64_t n) {
                         ASSERT_EQ(std::ssize(a), naive::budget(RatioBudget{ratio}, n, n_sink));
                         ASSERT_EQ(std::ssize(b), naive::budget(RatioBudget{ratio}, n, n_sink));
                       });
    }
}

// If a later key always beats an earlier one (streaming_llm), no key that dies would be wanted later: with n'
// - n more tokens its rank grows by n' - n, and the budget by no more.
TEST_F(ScheduleFixedProperties, KeepsTheSameKeysInAllChunksIfScoresRise) {
  std::vector<double> scores(130);
  std::iota(scores.begin(), scores.end(), 0);
  for (const double ratio : {0.0, 0.3, 0.5, 0.9, 0.99})
    for (const std::int64_t n_sink : {0, 4, 135}) {
      const naive::Shape shape{RatioBudget{ratio}, n_sink, 130, 1};
      at_common_events(shape, scores, [&](const Positions& a, const Positions& b, std::int64_t n) {
        Positions sinks_and_latest;
        const auto n_kept = naive::budget(RatioBudget{ratio}, n, n_sink), n_sinks = std::min(n, n_sink);
        for (std::int64_t j = 0; j < n; ++j)
          if (j < n_sink || j >= n - (n_kept - n_sinks)) sinks_and_latest.push_back(j);
        ASSERT_EQ(a, sinks_and_latest);
        ASSERT_EQ(b, sinks_and_latest);
      });
    }
}

// A budget of 1 all along: the highest score so far, the earliest of several.
TEST_F(ScheduleFixedProperties, KeepsTheSameKeyInAllChunksIfTheBudgetDoesNotGrow) {
  for (const std::int64_t n_levels : {0, 5}) {
    const auto scores = random_scores(130, n_levels);
    at_common_events(
        {RatioBudget{0.99}, 0, 130, 1}, scores, [&](const Positions& a, const Positions& b, std::int64_t n) {
          const Positions best{std::max_element(scores.begin(), scores.begin() + n) - scores.begin()};
          ASSERT_EQ(a, best);
          ASSERT_EQ(b, best);
        });
  }
}

// A key's fate under a threshold depends on itself alone: after n exactly the low ones below n - W are gone.
TEST_F(ScheduleFixedProperties, KeepsTheSameKeysInAllChunksUnderAThreshold) {
  for (const std::int64_t window : {0, 1, 5, 100, 137})
    for (const std::int64_t n_sink : {0, 4, 135}) {
      const auto scores = random_scores(130, 5);
      at_common_events({ScoreThreshold{0, window}, n_sink, 130, 1}, scores,
                       [&](const Positions& a, const Positions& b, std::int64_t n) {
                         Positions kept;
                         for (std::int64_t j = 0; j < n; ++j)
                           if (j < n_sink || j >= n - window || scores[naive::size(j)] >= 0)
                             kept.push_back(j);
                         ASSERT_EQ(a, kept);
                         ASSERT_EQ(b, kept);
                       });
    }
}

// Heads that share their budgets, event by event, by the policy that sorts all keys; some with scores that
// come late.
TEST(ScheduleFixedLayer, DecidesAsThePolicyDoesAtEveryEvent) {
  RecordProperty("seed", std::to_string(property_seed()));
  std::mt19937_64 generator(property_seed());
  for (int round = 0; round < 400; ++round) {
    naive::Shape shape{.policy = RatioBudget{0.5}, .n_tokens = 1 + naive::up_to(generator, 80)};
    shape.n_sink = naive::one_of<std::int64_t>(generator, {0, 0, 4});
    shape = naive::with_protocol(generator, shape);
    if (naive::up_to(generator, 2) == 0) shape.policy = SizeBudget{1 + naive::up_to(generator, 40)};
    if (shape.events_until == shape.n_tokens)
      shape.chunk_size = naive::one_of<std::int64_t>(generator, {1, 1, 3, 8, 100});
    auto rule = naive::rule_of(shape);
    rule.shares = {.heads = HeadBudgets::kAdaptive,
                   .alpha_safeguard = naive::one_of<double>(generator, {0, 0.2, 0.6, 1})};
    if (naive::up_to(generator, 2) == 0)
      rule.protected_from = [](std::int64_t n, std::int64_t) {
        return std::max<std::int64_t>(0, n / 8 - 1) * 8;
      };
    const auto chunking = naive::chunking_of(shape);
    const auto n_levels = naive::one_of<std::int64_t>(generator, {1, 3, 1000});
    const auto n_heads = static_cast<std::size_t>(1 + naive::up_to(generator, 4));
    std::vector<std::vector<double>> scores(n_heads);
    std::vector<std::vector<DeathTime>> deaths(n_heads), expected(n_heads);
    std::vector<FixedHead> heads;
    for (std::size_t h = 0; h < n_heads; ++h) {
      for (std::int64_t j = 0; j < shape.n_tokens; ++j)
        scores[h].push_back(static_cast<double>(naive::up_to(generator, n_levels)));
      deaths[h].assign(scores[h].size(), -77);
      expected[h].assign(scores[h].size(), kNever);
      heads.push_back({scores[h], deaths[h]});
    }
    for (std::int64_t e = 0; e < chunking.n_events(); ++e) {
      const auto event = chunking.event(e);
      std::vector<std::vector<std::int32_t>> alive(n_heads);
      std::vector<std::vector<double>> of_alive(n_heads);
      std::vector<RankedKeys> ranked;
      for (std::size_t h = 0; h < n_heads; ++h) {
        for (std::int32_t j = 0; j < event.n; ++j) {
          if (expected[h][static_cast<std::size_t>(j)] != kNever) continue;
          alive[h].push_back(j);
          of_alive[h].push_back(scores[h][static_cast<std::size_t>(j)]);
        }
        ranked.push_back({alive[h], of_alive[h]});
      }
      const auto kept = survivors_of_layer(rule, event, ranked);
      for (std::size_t h = 0; h < n_heads; ++h)
        for (std::int64_t i = 0; i < std::ssize(alive[h]); ++i)
          if (!std::ranges::binary_search(kept[h], i))
            expected[h][static_cast<std::size_t>(alive[h][static_cast<std::size_t>(i)])] =
                static_cast<DeathTime>(e);
    }
    schedule_fixed_layer(rule, chunking, heads);
    ASSERT_EQ(deaths, expected) << naive::to_text(shape) << ", round " << round;
  }
}

}  // namespace
}  // namespace kvcompare
