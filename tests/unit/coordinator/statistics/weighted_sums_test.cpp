#include "coordinator/statistics/weighted_sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/philox.h"

namespace kvcompare {
namespace {

using Columns = std::vector<std::vector<double>>;

// Word 0 of the generator is 0x6627e8d5: u = 0.399, so the first draw of two samples is sample 0.
TEST(WeightedSums, DrawSamplesAsTheDefinitionSays) {
  ASSERT_EQ(philox_word(0, 0, 0), 0x6627e8d5u);
  const double second = philox_uniform(0, 0, 1) < 0.5 ? 1 : 10;
  const WeightedSums sums(Weights::kTimesDrawn, Columns{{1, 10}}, 1, 1);
  EXPECT_THAT(sums.of(0), testing::ElementsAre(1 + second));
}

TEST(WeightedSums, DrawAsManySamplesAsThereAre) {
  const WeightedSums sums(Weights::kTimesDrawn, Columns{std::vector<double>(300, 1.0)}, 11, 2);
  EXPECT_THAT(sums.of(0), testing::Each(300.0));
  EXPECT_EQ(sums.of(0).size(), 11u);
}

TEST(WeightedSums, FlipSignsWithDrawsOfTheirOwn) {
  const WeightedSums sums(Weights::kSigns, Columns{{1}, {3}, {0}, {0}, {7}}, 50, 3);
  for (std::uint64_t r = 0; r < 50; ++r) {
    const double sign = philox_uniform(0, 10'000 + r, 0) < 0.5 ? -1 : 1;
    EXPECT_EQ(sums.of(0)[r], sign);
    EXPECT_EQ(sums.of(1)[r], 3 * sign);
    EXPECT_EQ(sums.of(4)[r], 7 * sign);
  }
}

TEST(WeightedSums, OfNothingAreNothing) {
  EXPECT_THAT(WeightedSums(Weights::kSigns, Columns{{1, 2}}, 0, 2).of(0), testing::IsEmpty());
}

}  // namespace
}  // namespace kvcompare
