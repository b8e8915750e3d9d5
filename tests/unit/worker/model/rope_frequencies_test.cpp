#include "worker/model/rope_frequencies.h"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ops/arange.h>

#include "worker/model/channel_order.h"
#include "worker/model/ropes.h"
#include "worker/model/weight_table.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using Type = RopeConfig::Type;

// Angles of position 1.
std::vector<double> frequencies(const RopeConfig& rope, std::int64_t head_dim, std::int64_t n_tokens = 10) {
  const auto rotation = make_rope(rope, head_dim, n_tokens).at(1, 1);
  std::vector<double> angles;
  for (std::int64_t pair = 0; pair < head_dim / 2; ++pair)
    angles.push_back(std::atan2(rotation.sin[0][pair].item<double>(), rotation.cos[0][pair].item<double>()));
  return angles;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12) << i;
}

TEST(RopeFrequencies, OfAPartAreThoseOfASmallerHead) {
  expect_near(frequencies({.theta = 100, .n_turning = 4}, 10), {1, 0.1, 0, 0, 0});
  expect_near(frequencies({.type = Type::kNone}, 4), {0, 0});
}

TEST(RopeFrequencies, OfLongropeDependOnTheLengthOfTheSample) {
  const RopeConfig rope{.type = Type::kLongrope,
                        .theta = 100,
                        .original_max_position_embeddings = 16,
                        .short_factor = {1, 2},
                        .long_factor = {4, 5}};
  expect_near(frequencies(rope, 4, 16), {1, 0.05});
  expect_near(frequencies(rope, 4, 17), {0.25, 0.02});
  EXPECT_EQ(length_of_rope(rope, 16), 0);
  EXPECT_EQ(length_of_rope(rope, 17), length_of_rope(rope, 400));
}

// theta * (factor n / most - (factor - 1)) ^ (d / (d - 2))
TEST(RopeFrequencies, OfDynamicDependOnTheLengthBeyondThatOfTheModel) {
  const RopeConfig rope{.type = Type::kDynamic, .theta = 100, .factor = 2, .max_position_embeddings = 16};
  expect_near(frequencies(rope, 4, 16), {1, 0.1});
  expect_near(frequencies(rope, 4, 24), {1, 0.05});  // (2 * 1.5 - 1)^2 = 4, sqrt(400) = 20
  EXPECT_EQ(length_of_rope(rope, 16), 0);
  EXPECT_NE(length_of_rope(rope, 24), length_of_rope(rope, 25));
}

TEST(RopeFrequencies, SizeOnlyWhatTurns) {
  const auto rotation = make_rope({.attention_factor = 3, .n_turning = 2}, 4, 10).at(0, 1);
  EXPECT_THAT((std::vector{rotation.cos[0][0].item<double>(), rotation.cos[0][1].item<double>()}),
              ElementsAre(3, 1));
}

// The mean of the rotations of a pair that stays is that it stays.
TEST(RopeFrequencies, HaveAMeanWhereAPairStays) {
  const auto mean = make_rope({.type = Type::kNone}, 4, 10).mean(5, 7);
  EXPECT_EQ(mean.cos[0][1].item<double>(), 1);
  EXPECT_EQ(mean.sin[0][1].item<double>(), 0);
}

TEST(ChannelOrder, KeepsPairsHalfAHeadApart) {
  EXPECT_TRUE(stored_channels({}, 6).empty());
  EXPECT_TRUE(stored_channels({.type = Type::kNone, .is_interleaved = true}, 6).empty());
  EXPECT_THAT(stored_channels({.is_interleaved = true}, 6), ElementsAre(0, 2, 4, 1, 3, 5));
  EXPECT_THAT(stored_channels({.n_turning = 4}, 8), ElementsAre(0, 1, 4, 5, 2, 3, 6, 7));
  EXPECT_THAT(stored_channels({.n_turning = 4, .is_interleaved = true}, 8),
              ElementsAre(0, 2, 4, 5, 1, 3, 6, 7));
}

TEST(ChannelOrder, ReordersTheRowsOfEveryHead) {
  StoredTensor stored{.name = "q", .shape = {8, 1}, .member = &LayerWeights::q};
  stored.channels = stored_channels({.is_interleaved = true}, 4);
  const auto rows = in_order(stored, at::arange(8).unsqueeze(1)).flatten();
  std::vector<std::int64_t> order;
  for (std::int64_t r = 0; r < 8; ++r) order.push_back(rows[r].item<std::int64_t>());
  EXPECT_THAT(order, ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
}

}  // namespace
}  // namespace kvcompare
