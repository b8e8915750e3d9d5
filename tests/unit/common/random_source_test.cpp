#include "common/random_source.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

TEST(RandomSource, StreamsOfASeedAreTheSameAgainAndDifferFromEachOther) {
  std::set<double> first;
  for (std::uint64_t stream = 0; stream < 50; ++stream) {
    RandomSource one(9, stream), again(9, stream);
    const double x = one.uniform();
    EXPECT_EQ(x, again.uniform());
    EXPECT_TRUE(first.insert(x).second);
  }
  EXPECT_NE(RandomSource(1, 0).uniform(), RandomSource(2, 0).uniform());
  EXPECT_NE(RandomSource(1, 0).uniform(), RandomSource(1, std::uint64_t{1} << 32).uniform());
}

TEST(RandomSource, DrawsEveryNumberOfARangeEquallyOften) {
  RandomSource random(1, 1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 60000; ++i) ++seen.at(static_cast<std::size_t>(random.between(10, 15) - 10));
  for (const int n : seen) EXPECT_NEAR(n, 10000, 500);  // deviation 91
}

TEST(RandomSource, ShufflesIntoEveryOrder) {
  std::set<std::vector<int>> orders;
  RandomSource random(1, 2);
  for (int i = 0; i < 1000; ++i) {
    std::vector<int> items{1, 2, 3, 4};
    random.shuffle(std::span(items));
    EXPECT_TRUE(std::ranges::is_permutation(items, std::vector{1, 2, 3, 4}));
    orders.insert(items);
  }
  EXPECT_EQ(orders.size(), 24u);
}

}  // namespace
}  // namespace kvcompare
