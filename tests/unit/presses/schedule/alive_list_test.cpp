#include "presses/schedule/alive_list.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/property/random_model.h"

namespace kvcompare {
namespace {

using Indices = std::vector<std::int32_t>;

Indices without(Indices list, const Indices& indices) {
  erase_indices(list, std::span<const std::int32_t>(indices));
  return list;
}

TEST(EraseIndices, RemovesByIndexNotByValue) { EXPECT_EQ(without({30, 2, 1, 0}, {1, 2}), (Indices{30, 0})); }

TEST(EraseIndices, TakesTheFirstAndTheLast) {
  EXPECT_EQ(without({7, 8, 9}, {0}), (Indices{8, 9}));
  EXPECT_EQ(without({7, 8, 9}, {2}), (Indices{7, 8}));
  EXPECT_EQ(without({7, 8, 9, 10}, {0, 3}), (Indices{8, 9}));
}

TEST(EraseIndices, TakesNothingOrEverything) {
  EXPECT_EQ(without({7, 8}, {}), (Indices{7, 8}));
  EXPECT_EQ(without({}, {}), Indices{});
  EXPECT_EQ(without({7, 8, 9}, {0, 1, 2}), Indices{});
}

TEST(EraseIndices, KeepsTheOthersInTheirOrder) {
  RecordProperty("seed", std::to_string(property_seed()));
  std::mt19937_64 generator(property_seed());
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE("KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()) + ", round " +
                 std::to_string(round));
    const auto n = static_cast<std::int32_t>(generator() % 60);
    const auto keep_one_in = 1 + generator() % 4;
    Indices list, indices, kept;
    for (std::int32_t i = 0; i < n; ++i) {
      list.push_back(static_cast<std::int32_t>(generator() % 1000));
      if (generator() % keep_one_in == 0)
        kept.push_back(list.back());
      else
        indices.push_back(i);
    }
    EXPECT_EQ(without(list, indices), kept);
  }
}

}  // namespace
}  // namespace kvcompare
