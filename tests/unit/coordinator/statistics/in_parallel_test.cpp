#include "coordinator/statistics/in_parallel.h"

#include <stdexcept>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

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
