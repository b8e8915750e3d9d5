#include "presses/policy/eviction.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/tensor.h>

#include "tests/unit/presses/schedule/naive_schedule.h"
#include "tests/unit/presses/schedule/shape_rule.h"

namespace kvcompare {
namespace {

using Positions = std::vector<std::int64_t>;

// Positions that survive.
Positions survivors_of(const EvictionRule& rule, const Event& event, const Positions& positions,
                       const std::vector<double>& scores) {
  const auto kept = survivors(rule, event, at::tensor(positions, at::kLong), at::tensor(scores, at::kDouble));
  Positions result;
  for (std::int64_t i = 0; i < kept.size(0); ++i)
    result.push_back(positions[static_cast<std::size_t>(kept[i].item<std::int64_t>())]);
  return result;
}

// Positions that `evicted` takes.
Positions evicted_of(const EvictionRule& rule, const Event& event, const Positions& positions,
                     const std::vector<double>& scores) {
  const std::vector<std::int32_t> narrow(positions.begin(), positions.end());
  Positions result;
  for (const auto i : evicted(rule, event, narrow, scores))
    result.push_back(positions[static_cast<std::size_t>(i)]);
  return result;
}

TEST(RatioBudget, TruncatesTheShareAndKeepsOneKeyAndTheSinks) {
  EXPECT_EQ(budget({RatioBudget{0.5}, 0}, 7), 3);
  EXPECT_EQ(budget({RatioBudget{0.5}, 0}, 1), 1);
  EXPECT_EQ(budget({RatioBudget{0.9}, 4}, 20), 4);
  EXPECT_EQ(budget({RatioBudget{0.9}, 4}, 3), 3);
  EXPECT_EQ(budget({RatioBudget{0.0}, 0}, 5), 5);
}

// 10 * (1 - 0.9) is 0.9999999999999998 in double arithmetic, and that is what counts; 20 * (1 - 0.7)
// is 6.000000000000001.
TEST(RatioBudget, ComputesTheShareInDoubles) {
  EXPECT_EQ(budget({RatioBudget{0.9}, 0}, 30), static_cast<std::int64_t>(30 * (1 - 0.9)));
  EXPECT_EQ(budget({RatioBudget{0.9}, 0}, 30), 2);
  EXPECT_EQ(budget({RatioBudget{0.7}, 0}, 20), 6);
}

TEST(SizeBudget, IsTheSizeWhateverTheLength) {
  EXPECT_EQ(budget({SizeBudget{5}, 0}, 4), 4);
  EXPECT_EQ(budget({SizeBudget{5}, 0}, 5), 5);
  EXPECT_EQ(budget({SizeBudget{5}, 0}, 1'000'000), 5);
  EXPECT_EQ(budget({SizeBudget{5}, 8}, 20), 8);
  EXPECT_EQ(budget({SizeBudget{1}, 0}, 20), 1);
}

// A context of 10 tokens that the budget does not count: 10 + 3 of 10 + 6, and 10 + 4 of them.
TEST(Budgets, MayLeaveFirstPositionsOut) {
  EXPECT_EQ(budget({RatioBudget{0.5}, 10, 0, 10}, 16), 13);
  EXPECT_EQ(budget({SizeBudget{4}, 10, 0, 10}, 16), 14);
  EXPECT_EQ(budget({SizeBudget{4}, 10, 0, 10}, 12), 12);
}

std::vector<std::int64_t> budgets_of_layers(EvictionRule rule, std::int64_t n_layers, double beta,
                                            std::int64_t n) {
  rule.shares = {.layers = LayerBudgets::kPyramid, .pyramid_beta = beta};
  rule.n_layers = n_layers;
  std::vector<std::int64_t> budgets;
  for (rule.layer = 0; rule.layer < n_layers; ++rule.layer) budgets.push_back(budget(rule, n));
  return budgets;
}

// By hand: the mean is 50, so the highest layer gets 50 / 20 = 2.5 and the lowest 97.5; of the layers
// between, 97.5 - 95 / 3 and 97.5 - 2 * 95 / 3; each to the nearest.
TEST(PyramidBudgets, FallLinearlyFromTheLowestLayerToTheHighest) {
  EXPECT_EQ(budgets_of_layers({RatioBudget{0.5}}, 4, 20, 100), (Positions{98, 66, 34, 3}));
  EXPECT_EQ(budgets_of_layers({RatioBudget{0.5}, 5}, 4, 20, 100), (Positions{98, 66, 34, 5}));
  EXPECT_EQ(budgets_of_layers({RatioBudget{0.5}}, 1, 20, 100), Positions{50});
}

TEST(PyramidBudgets, LeaveTheWindowOutOfTheLowestLayerAndKeepItInTheHighest) {
  const EvictionRule rule{.policy = SizeBudget{20}, .window = 8};
  EXPECT_EQ(budgets_of_layers(rule, 3, 2, 100), (Positions{30, 20, 10}));
  EXPECT_EQ(budgets_of_layers(rule, 3, 20, 100), (Positions{20, 20, 20})) << "1 key is less than the window";
  EXPECT_EQ(budgets_of_layers(rule, 3, 20, 30), (Positions{22, 20, 18})) << "no more than n - window";
  EXPECT_EQ(budgets_of_layers(rule, 3, 20, 21), (Positions{20, 20, 20})) << "13 would be the most";
}

TEST(PyramidBudgets, AreUniformWhereBetaMakesThemFlat) {
  for (const std::int64_t n : {1, 7, 20, 100})
    for (const std::int64_t size : {1, 5, 20, 200})
      EXPECT_EQ(budgets_of_layers({SizeBudget{size}}, 3, 1, n), Positions(3, budget({SizeBudget{size}}, n)));
}

// ---- of heads

struct Head {
  std::vector<std::int32_t> positions;
  std::vector<double> scores;
};

std::vector<RankedKeys> ranked(const std::vector<Head>& heads) {
  std::vector<RankedKeys> keys;
  for (const auto& head : heads) keys.push_back({head.positions, head.scores});
  return keys;
}

using Indices = std::vector<std::vector<std::int32_t>>;

EvictionRule adaptive(const EvictionPolicy& policy, double alpha) {
  return {.policy = policy, .shares = {.heads = HeadBudgets::kAdaptive, .alpha_safeguard = alpha}};
}

TEST(AdaptiveHeads, KeepTheBestKeysOfAllBesideThoseThatAreSafe) {
  const std::vector<Head> heads{{{0, 1, 2}, {9, 8, 7}}, {{0, 1, 2}, {1, 2, 3}}};
  EXPECT_EQ(evicted_of_layer(adaptive(SizeBudget{2}, 0.5), {2, 3}, ranked(heads)), (Indices{{}, {0, 1}}));
  EXPECT_EQ(evicted_of_layer(adaptive(SizeBudget{2}, 1), {2, 3}, ranked(heads)), (Indices{{2}, {0}}));
  EXPECT_EQ(evicted_of_layer({SizeBudget{2}}, {2, 3}, ranked(heads)), (Indices{{2}, {0}}));
  EXPECT_EQ(evicted_of_layer(adaptive(SizeBudget{1}, 0), {2, 3}, ranked(heads)), (Indices{{2}, {0, 1, 2}}));
}

TEST(AdaptiveHeads, KeepTheEarlierPositionOnATieAndThenTheLowerHead) {
  const std::vector<Head> heads{{{0, 2}, {5, 5}}, {{0, 1}, {5, 5}}};
  EXPECT_EQ(evicted_of_layer(adaptive(SizeBudget{1}, 0), {2, 3}, ranked(heads)), (Indices{{1}, {1}}));
  const std::vector<Head> same{{{0, 1}, {1, 5}}, {{0, 1}, {1, 5}}, {{0, 1}, {9, 5}}};
  EXPECT_EQ(evicted_of_layer(adaptive(SizeBudget{1}, 0), {1, 2}, ranked(same)), (Indices{{0}, {0}, {1}}));
}

TEST(AdaptiveHeads, AreAskedForScoresOnlyAboveTheBudgetOfAll) {
  const auto rule = adaptive(SizeBudget{2}, 0.2);
  EXPECT_FALSE(may_evict(rule, {2, 3}, 4, 2));
  EXPECT_TRUE(may_evict(rule, {2, 3}, 5, 2));
  EXPECT_TRUE(shares_heads(rule));
  EXPECT_FALSE(shares_heads({SizeBudget{2}}));
}

TEST(AdaptiveHeads, RefuseANanScore) {
  const std::vector<Head> heads{{{0, 1}, {1, 2}}, {{0, 1}, {std::numeric_limits<double>::quiet_NaN(), 5}}};
  EXPECT_THROW(evicted_of_layer(adaptive(SizeBudget{1}, 0), {1, 2}, ranked(heads)), std::domain_error);
  EXPECT_THROW(survivors_of_layer(adaptive(SizeBudget{1}, 0), {1, 2}, ranked(heads)), std::domain_error);
}

// Searching for those that go, and sorting for those that stay; scores with and without ties, few keys to go
// and many, first and latest positions.
TEST(AdaptiveHeads, LoseWhatDoesNotSurvive) {
  RecordProperty("seed", std::to_string(property_seed()));
  std::mt19937_64 generator(property_seed());
  for (int round = 0; round < 4000; ++round) {
    const auto n = 1 + naive::up_to(generator, 60), n_previous = naive::up_to(generator, n);
    auto rule = adaptive(SizeBudget{1 + naive::up_to(generator, n)},
                         naive::one_of<double>(generator, {0, 0.2, 0.5, 1}));
    rule.n_first = naive::one_of<std::int64_t>(generator, {0, 0, 4, n + 3});
    rule.n_last = naive::one_of<std::int64_t>(generator, {0, 0, 1, 6, n});
    if (naive::up_to(generator, 2) == 0)
      rule.protected_from = [](std::int64_t n_tokens, std::int64_t budget) { return n_tokens - budget / 2; };
    const auto n_levels = naive::one_of<std::int64_t>(generator, {1, 3, 1000});
    std::vector<Head> heads(static_cast<std::size_t>(1 + naive::up_to(generator, 4)));
    for (auto& head : heads)
      for (std::int32_t j = 0; j < n; ++j) {
        if (j >= rule.n_first && j < n_previous && naive::up_to(generator, 2) == 0) continue;
        head.positions.push_back(j);
        head.scores.push_back(static_cast<double>(naive::up_to(generator, n_levels)));
      }
    SCOPED_TRACE("KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()) + ", round " +
                 std::to_string(round));
    const auto kept = survivors_of_layer(rule, {n_previous, n}, ranked(heads));
    const auto dying = evicted_of_layer(rule, {n_previous, n}, ranked(heads));
    std::int64_t n_kept = 0, n_alive = 0;
    for (std::size_t h = 0; h < heads.size(); ++h) {
      std::vector<std::int64_t> all(kept[h]);
      all.insert(all.end(), dying[h].begin(), dying[h].end());
      std::ranges::sort(all);
      ASSERT_EQ(std::ssize(all), std::ssize(heads[h].positions));
      for (std::int64_t i = 0; i < std::ssize(all); ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], i);
      n_kept += std::ssize(kept[h]);
      n_alive += std::ssize(all);
    }
    ASSERT_EQ(n_kept, std::min(n_alive, std::ssize(heads) * budget(rule, n)));
    if (heads.size() > 1) continue;
    ASSERT_EQ(dying[0], evicted(rule, {n_previous, n}, heads[0].positions, heads[0].scores));
  }
}

TEST(Protection, IsTheWiderOfTheRulesAndTheScorers) {
  EvictionRule rule{.policy = SizeBudget{6}, .n_last = 2};
  EXPECT_EQ(first_protected(rule, 10), 8);
  rule.protected_from = [](std::int64_t n, std::int64_t budget) { return n - budget / 2; };
  EXPECT_EQ(first_protected(rule, 10), 7);
  rule.n_last = 5;
  EXPECT_EQ(first_protected(rule, 10), 5);
  rule.n_last = 0;
  EXPECT_EQ(evicted_of(rule, {9, 10}, {0, 1, 2, 3, 6, 7, 8, 9}, {5, 1, 2, 4, 3, 0, 0, 0}), (Positions{1, 2}));
}

TEST(Protection, RanksTheLatestAboveEveryScoreTheLaterFirst) {
  const EvictionRule rule{.policy = SizeBudget{3}, .n_first = 1, .n_last = 3};
  EXPECT_EQ(survivors_of(rule, {5, 6}, {0, 1, 2, 3, 4, 5}, {0, 9, 9, 9, 1, 0}), (Positions{0, 4, 5}));
  EXPECT_EQ(evicted_of(rule, {5, 6}, {0, 1, 2, 3, 4, 5}, {0, 9, 9, 9, 1, 0}), (Positions{1, 2, 3}));
  EXPECT_EQ(survivors_of({SizeBudget{5}, 1, 3}, {5, 6}, {0, 1, 2, 3, 4, 5}, {0, 7, 9, 0, 0, 0}),
            (Positions{0, 2, 3, 4, 5}));
}

TEST(Protection, MakesTheWindowOfAThresholdAtLeastAsLarge) {
  const EvictionRule rule{
      .policy = ScoreThreshold{.threshold = 0.5, .sliding_window_size = 1}, .n_first = 0, .n_last = 3};
  EXPECT_EQ(evicted_of(rule, {5, 8}, {0, 1, 2, 3, 4, 5, 6, 7}, {0, 0, 0, 0, 0, 0, 0, 0}),
            (Positions{2, 3, 4}));
}

// A method with 4 sinks in the protocol generate, with a context of 6 tokens.
TEST(EvictionRule, SparesSinksProtectedPositionsAndTheContext) {
  MethodSpec method{"streaming_llm", "", RatioBudget{0.5}, {{"n_sink", std::int64_t{4}}}};
  const Chunking decode{20, 2};
  const auto generate = chunking_of(20, 6, 2, {ProtocolKind::kGenerate, BudgetCounts::kGenerated});
  EXPECT_EQ(rule_of(method, decode).n_first, 4);
  EXPECT_EQ(rule_of(method, generate).n_first, 6);
  EXPECT_EQ(rule_of(method, generate).n_uncounted, 6);
  method.protection = {.first = 5, .last = 3};
  EXPECT_EQ(rule_of(method, decode).n_first, 5);
  EXPECT_EQ(rule_of(method, decode).n_last, 3);
  EXPECT_EQ(rule_of(method, generate).n_first, 6);
  EXPECT_EQ(rule_of(method, chunking_of(20, 6, 2, {ProtocolKind::kPrefill})).n_first, 5);
}

TEST(RatioPolicy, KeepsTheHighestScores) {
  EXPECT_EQ(survivors_of({RatioBudget{0.5}, 0}, {3, 6}, {0, 2, 3, 4, 5}, {0.1, 0.9, 0.2, 0.8, 0.7}),
            (Positions{2, 4, 5}));
}

TEST(RatioPolicy, NeverEvictsASink) {
  EXPECT_EQ(survivors_of({RatioBudget{0.5}, 2}, {3, 6}, {0, 1, 2, 3, 4, 5}, {-9, -8, 1, 2, 3, 4}),
            (Positions{0, 1, 5}));
}

TEST(RatioPolicy, PrefersTheEarlierPositionOnATie) {
  EXPECT_EQ(survivors_of({RatioBudget{0.5}, 0}, {5, 6}, {0, 1, 2, 3, 4, 5}, {1, 2, 1, 1, 2, 1}),
            (Positions{0, 1, 4}));
}

TEST(RatioPolicy, RanksMinusInfinityLast) {
  const auto infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(survivors_of({RatioBudget{0.5}, 0}, {3, 4}, {0, 1, 2, 3}, {-infinity, -1e300, 0, -infinity}),
            (Positions{1, 2}));
}

TEST(RatioPolicy, AsksForScoresOnlyAboveTheBudget) {
  EXPECT_FALSE(may_evict({RatioBudget{0.5}, 0}, {5, 6}, 3));
  EXPECT_TRUE(may_evict({RatioBudget{0.5}, 0}, {5, 6}, 4));
}

TEST(ThresholdPolicy, JudgesAKeyOnceWhenItLeavesTheWindow) {
  // At the event at 8 with a window of 3, positions 2 ... 4 are judged: 0 and 1 were before, 5 ... 7 are in
  // the window.
  const ScoreThreshold policy{.threshold = 0.5, .sliding_window_size = 3};
  EXPECT_EQ(survivors_of({policy, 0}, {5, 8}, {0, 1, 2, 3, 4, 5, 6, 7}, {0, 0, 0.4, 0.5, 0.1, 0, 0, 0}),
            (Positions{0, 1, 3, 5, 6, 7}));
}

TEST(ThresholdPolicy, JudgesFromTheFirstPositionAtTheFirstEvent) {
  const ScoreThreshold policy{.threshold = 0, .sliding_window_size = 1};
  EXPECT_EQ(survivors_of({policy, 0}, {0, 3}, {0, 1, 2}, {-1, 1, -1}), (Positions{1, 2}));
}

TEST(ThresholdPolicy, NeverEvictsASink) {
  const ScoreThreshold policy{.threshold = 0, .sliding_window_size = 0};
  EXPECT_EQ(survivors_of({policy, 2}, {0, 4}, {0, 1, 2, 3}, {-1, -1, -1, 1}), (Positions{0, 1, 3}));
}

TEST(ThresholdPolicy, AsksForScoresOnlyWhenAKeyIsToBeJudged) {
  const ScoreThreshold policy{.threshold = 0, .sliding_window_size = 4};
  EXPECT_FALSE(may_evict({policy, 0}, {3, 4}, 4));
  EXPECT_TRUE(may_evict({policy, 0}, {4, 5}, 5));
  EXPECT_FALSE(may_evict({policy, 1}, {4, 5}, 5));
}

TEST(KeepAll, EvictsNothing) {
  EXPECT_FALSE(may_evict({KeepAll{}, 0}, {4, 5}, 5));
  EXPECT_EQ(survivors_of({KeepAll{}, 0}, {2, 3}, {0, 1, 2}, {-1, -2, -3}), (Positions{0, 1, 2}));
}

TEST(EvictionPolicies, RefuseANanScore) {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(survivors_of({RatioBudget{0.5}, 0}, {1, 2}, {0, 1}, {nan, 1}), std::domain_error);
  EXPECT_THROW(survivors_of({ScoreThreshold{0, 0}, 0}, {1, 2}, {0, 1}, {1, nan}), std::domain_error);
}

TEST(Judged, IsWhatHasLeftTheWindowSinceTheEventBefore) {
  const auto range = [](const Judged& judged) { return std::pair(judged.begin, judged.end); };
  const ScoreThreshold policy{.threshold = 0, .sliding_window_size = 3};
  EXPECT_EQ(range(judged({policy, 0}, {5, 8})), std::pair(std::int64_t{2}, std::int64_t{5}));
  EXPECT_EQ(range(judged({policy, 0}, {0, 8})), std::pair(std::int64_t{0}, std::int64_t{5}));
  EXPECT_EQ(range(judged({policy, 4}, {5, 8})), std::pair(std::int64_t{4}, std::int64_t{5}));
}

TEST(Evicted, AreTheLowestScores) {
  EXPECT_EQ(evicted_of({RatioBudget{0.5}, 0}, {3, 6}, {0, 2, 3, 4, 5}, {0.1, 0.9, 0.2, 0.8, 0.7}),
            (Positions{0, 3}));
  EXPECT_EQ(evicted_of({RatioBudget{0.5}, 0}, {5, 6}, {0, 3, 4, 5}, {0.4, 0.9, 0.2, 0.8}), (Positions{4}));
  EXPECT_EQ(evicted_of({RatioBudget{0.5}, 0}, {5, 6}, {0, 4, 5}, {0.4, 0.2, 0.8}), Positions{});
}

TEST(Evicted, AreNeverSinks) {
  EXPECT_EQ(evicted_of({RatioBudget{0.5}, 2}, {3, 6}, {0, 1, 2, 3, 4, 5}, {-9, -8, 1, 2, 3, 4}),
            (Positions{2, 3, 4}));
  EXPECT_EQ(evicted_of({RatioBudget{0.5}, 2}, {5, 6}, {0, 1, 3, 5}, {-9, -8, 2, 1}), (Positions{5}));
  EXPECT_EQ(evicted_of({RatioBudget{0.9}, 9}, {0, 3}, {0, 1, 2}, {-9, -8, 1}), Positions{});
  EXPECT_EQ(evicted_of({ScoreThreshold{0, 0}, 2}, {0, 4}, {0, 1, 2, 3}, {-1, -1, -1, 1}), (Positions{2}));
}

TEST(Evicted, AreTheLaterPositionsOnATie) {
  EXPECT_EQ(evicted_of({RatioBudget{0.5}, 0}, {5, 6}, {0, 1, 2, 3, 4, 5}, {1, 2, 1, 1, 2, 1}),
            (Positions{2, 3, 5}));
  EXPECT_EQ(evicted_of({RatioBudget{0.5}, 0}, {5, 6}, {0, 1, 2, 5}, {1, 0, 0, 1}), (Positions{2}));
}

TEST(Evicted, JudgeAKeyOnceUnderAThreshold) {
  const ScoreThreshold policy{.threshold = 0.5, .sliding_window_size = 3};
  EXPECT_EQ(evicted_of({policy, 0}, {5, 8}, {0, 1, 2, 3, 4, 5, 6, 7}, {0, 0, 0.4, 0.5, 0.1, 0, 0, 0}),
            (Positions{2, 4}));
  EXPECT_EQ(evicted_of({policy, 0}, {5, 8}, {0, 4, 7}, {0, 0.1, 0}), (Positions{4}));
  EXPECT_EQ(evicted_of({policy, 0}, {0, 3}, {0, 1, 2}, {0, 0, 0}), Positions{});
}

TEST(Evicted, AreNoneWithoutAPolicy) {
  EXPECT_EQ(evicted_of({KeepAll{}, 0}, {2, 3}, {0, 1, 2}, {-1, -2, -3}), Positions{});
}

TEST(Evicted, RefuseANanScore) {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(evicted_of({RatioBudget{0.5}, 0}, {1, 2}, {0, 1}, {nan, 1}), std::domain_error);
  EXPECT_THROW(evicted_of({RatioBudget{0.5}, 0}, {0, 4}, {0, 1, 2, 3}, {1, 2, 3, nan}), std::domain_error);
  EXPECT_THROW(evicted_of({ScoreThreshold{0, 0}, 0}, {1, 2}, {0, 1}, {1, nan}), std::domain_error);
}

// Of any alive keys, by a full sort; and the survivors are all others.
TEST(Evicted, AreAsTheDefinitionSays) {
  RecordProperty("seed", std::to_string(property_seed()));
  std::mt19937_64 generator(property_seed());
  for (int round = 0; round < 6000; ++round) {
    const auto n = 1 + naive::up_to(generator, 40), n_previous = naive::up_to(generator, n);
    const auto n_sink = naive::one_of<std::int64_t>(generator, {0, 0, 4, n + 5});
    naive::Shape shape{naive::one_of(generator, naive::policies(n, 0)), n_sink, n, n - n_previous};
    shape.n_last = naive::one_of<std::int64_t>(generator, {0, 0, 1, 6, n, n + 3});
    shape.n_uncounted = naive::one_of<std::int64_t>(generator, {0, 0, std::min(n, n_sink)});
    const auto n_levels = naive::one_of<std::int64_t>(generator, {1, 3, 1000});
    const auto stay_of_ten = 1 + naive::up_to(generator, 10);
    SCOPED_TRACE(naive::to_text(shape) + ", round " + std::to_string(round));
    Positions alive;
    std::vector<double> scores;
    for (std::int64_t j = 0; j < n; ++j) {
      if (j >= n_sink && j < n_previous && naive::up_to(generator, 10) >= stay_of_ten) continue;
      alive.push_back(j);
      scores.push_back(static_cast<double>(naive::up_to(generator, n_levels) - n_levels / 2));
    }
    auto expected = naive::dying(shape, n_previous, n, alive, scores);
    std::ranges::sort(expected);
    const auto rule = naive::rule_of(shape);
    ASSERT_EQ(evicted_of(rule, {n_previous, n}, alive, scores), expected);
    Positions others;
    std::ranges::set_difference(alive, expected, std::back_inserter(others));
    ASSERT_EQ(survivors_of(rule, {n_previous, n}, alive, scores), others);
  }
}

}  // namespace
}  // namespace kvcompare
