#include "presses/policy/threshold_density.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "common/shortest.h"

namespace kvcompare {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

EvictionRule rule(std::int64_t window, std::int64_t n_first = 0) {
  return {.policy = ScoreThreshold{0, window}, .n_first = n_first};
}

// Six tokens one by one and a window of 1: key j is judged at the event at n = j + 2, and the queries from
// j + 2 on, 4 - j of them, do without it if it goes. Keys 4 and 5 save nothing.
//   key      0  1  2  3
//   score    5  1  3  1
//   saves    4  3  2  1      of 21 pairs
TEST(ThresholdDensity, CountsByHand) {
  ThresholdDensity density;
  density.add_head(rule(1), {.n_tokens = 6}, std::vector<double>{5, 1, 3, 1, -9, -9});
  EXPECT_EQ(density.at(1), 1);
  EXPECT_EQ(density.at(1.5), 17.0 / 21);
  EXPECT_EQ(density.at(3), 17.0 / 21);
  EXPECT_EQ(density.at(3.5), 15.0 / 21);
  EXPECT_EQ(density.at(kInfinity), 11.0 / 21);
  EXPECT_EQ(density.least(), 11.0 / 21);
}

TEST(ThresholdDensity, SparesFirstPositionsAndAddsHeadsUp) {
  ThresholdDensity density;
  density.add_head(rule(1, 1), {.n_tokens = 6}, std::vector<double>{0, 1, 3, 1, 0, 0});
  density.add_head(rule(1, 1), {.n_tokens = 6}, std::vector<double>{0, 2, 0, 0, 0, 0});
  EXPECT_EQ(density.at(2), (42.0 - 4 - 3) / 42);
  EXPECT_EQ(density.least(), (42.0 - 12) / 42);
}

// A context of 4 of 7 tokens: one event, at n = 4, after which three queries come.
TEST(ThresholdDensity, JudgesTheContextOnceUnderPrefill) {
  const auto chunking = chunking_of(7, 4, 1, {.kind = ProtocolKind::kPrefill});
  ThresholdDensity density;
  density.add_head(rule(1), chunking, std::vector<double>{1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(density.at(2.5), (28.0 - 6) / 28);
  EXPECT_EQ(density.least(), (28.0 - 9) / 28);
}

TEST(ThresholdDensity, FindsTheNearestThresholdAsAShortNumber) {
  ThresholdDensity density;
  density.add_head(rule(1), {.n_tokens = 6}, std::vector<double>{5, 1, 3, 1, -9, -9});
  EXPECT_EQ(density.at(density.nearest(0.99)), 1);
  EXPECT_EQ(density.at(density.nearest(0.8)), 17.0 / 21);
  EXPECT_EQ(density.at(density.nearest(0.7)), 15.0 / 21);
  EXPECT_EQ(density.at(density.nearest(0.1)), 11.0 / 21);
  EXPECT_EQ(density.nearest(17.0 / 21), 3);
  EXPECT_EQ(density.at(density.nearest(19.0 / 21)), 1) << "equally near: the one that evicts less";
}

TEST(ThresholdDensity, KeepsAllWhereNothingIsJudged) {
  ThresholdDensity density;
  density.add_head(rule(9), {.n_tokens = 6}, std::vector<double>(6, 1));
  EXPECT_EQ(density.least(), 1);
  EXPECT_EQ(density.at(density.nearest(0.5)), 1);
}

// Every pair of a query and a key, by what semantics.md says.
double density_pair_by_pair(const Chunking& chunking, std::int64_t window, std::int64_t n_first,
                            const std::vector<double>& scores, double threshold) {
  std::int64_t n_seen = 0, n_pairs = 0;
  for (std::int64_t j = 0; j < chunking.n_tokens; ++j) {
    std::optional<std::int64_t> gone;  // tokens that have passed when the key goes
    for (std::int64_t n = 1; n <= chunking.n_tokens; ++n)
      if (n % chunking.chunk_size == 0 || n == chunking.n_tokens)
        if (j < n - window) {
          if (j >= n_first && scores[static_cast<std::size_t>(j)] < threshold) gone = n;
          break;
        }
    for (std::int64_t i = j; i < chunking.n_tokens; ++i, ++n_pairs) n_seen += !gone || i < *gone ? 1 : 0;
  }
  return static_cast<double>(n_seen) / static_cast<double>(n_pairs);
}

TEST(ThresholdDensity, AgreesWithEveryPairOfQueryAndKey) {
  std::mt19937 random(20261127);
  for (int trial = 0; trial < 200; ++trial) {
    const std::int64_t n_tokens = 2 + random() % 40, window = random() % 12, n_first = random() % 4;
    const Chunking chunking{.n_tokens = n_tokens, .chunk_size = static_cast<std::int64_t>(1 + random() % 9)};
    std::vector<double> scores;
    for (std::int64_t j = 0; j < n_tokens; ++j) scores.push_back(static_cast<double>(random() % 10) - 5);
    ThresholdDensity density;
    density.add_head(rule(window, n_first), chunking, scores);
    double nearest = 2;
    const double target = 0.05 + 0.9 * static_cast<double>(random() % 1000) / 1000;
    for (double threshold = -6; threshold <= 6; threshold += 0.5) {
      const auto expected = density_pair_by_pair(chunking, window, n_first, scores, threshold);
      ASSERT_EQ(density.at(threshold), expected) << "trial " << trial << ", threshold " << threshold;
      nearest = std::min(nearest, std::abs(expected - target));
    }
    EXPECT_NEAR(std::abs(density.at(density.nearest(target)) - target), nearest,
                ThresholdDensity::kRounding + 1e-12);
  }
}

// At the middle of so narrow scores 0.0005 of density are 1.3e-5 of score: five decimals.
TEST(ThresholdDensity, RoundsNoMoreThanItMay) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> score(-15.2, 0.01);
  std::vector<double> scores(4000);
  for (auto& one : scores) one = score(random);
  ThresholdDensity density;
  density.add_head(rule(0), {.n_tokens = 4000}, scores);
  const auto threshold = density.nearest(0.5);
  EXPECT_NEAR(density.at(threshold), 0.5, 2 * ThresholdDensity::kRounding);
  EXPECT_LE(shortest(threshold).size(), 9u) << shortest(threshold);
}

}  // namespace
}  // namespace kvcompare
