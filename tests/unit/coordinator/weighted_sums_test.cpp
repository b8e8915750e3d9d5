#include "coordinator/statistics/weighted_sums.h"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/philox.h"
#include "coordinator/statistics/exact_halves.h"
#include "coordinator/statistics/in_parallel.h"

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

// Numbers that no double can add up: 2^40 + 1 and multiples of 2^-40 beside them.
TEST(ExactHalves, MakeSumsExact) {
  const double tiny = 0x1p-40;
  const Columns columns{{0x1p40, 3 * tiny, 0x1p40, -tiny}, {0x1p40, tiny, 0x1p40, tiny}};
  const auto halves = exact_halves(columns);
  double high[2] = {}, low[2] = {};
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t s = 0; s < 4; ++s) {
      EXPECT_EQ(halves.high[c][s] + halves.low[c][s], columns[c][s]);
      high[c] += (s < 2 ? 2 : -2) * halves.high[c][s];
      low[c] += (s < 2 ? 2 : -2) * halves.low[c][s];
    }
  EXPECT_EQ((high[0] - high[1]) + (low[0] - low[1]), 8 * tiny);  // 2 * (3 + 1) - 2 * (1 - 1)
}

TEST(ExactHalves, OfZerosAreZeros) {
  const auto halves = exact_halves({{0, 0}});
  EXPECT_EQ(halves.high[0][1], 0);
  EXPECT_EQ(halves.low[0][1], 0);
}

TEST(InParallel, DoesEachPieceOnce) {
  for (const int n_threads : {0, 1, 3, 200}) {
    std::vector<int> done(100);
    in_parallel(100, n_threads, [&](std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
    EXPECT_THAT(done, testing::Each(1));
  }
  in_parallel(0, 4, [](std::int64_t) { FAIL(); });
}

TEST(InParallel, ThrowsWhatAPieceThrew) {
  EXPECT_THROW(in_parallel(10, 4,
                           [](std::int64_t i) {
                             if (i == 3) throw std::range_error("3");
                           }),
               std::range_error);
}

}  // namespace
}  // namespace kvcompare
