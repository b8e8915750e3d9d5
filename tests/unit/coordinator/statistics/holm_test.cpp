#include "coordinator/statistics/holm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

// 0.01 * 4, 0.02 * 3, 0.03 * 2, and 0.04 may not be less than what came before.
TEST(Holm, MultipliesByTheNumberOfTestsThatAreLeft) {
  EXPECT_THAT(holm({0.04, 0.01, 0.03, 0.02}),
              ElementsAre(DoubleEq(0.06), DoubleEq(0.04), DoubleEq(0.06), DoubleEq(0.06)));
}

TEST(Holm, NeverExceedsOne) {
  EXPECT_THAT(holm({0.9, 0.6}), ElementsAre(1.0, 1.0));
  EXPECT_THAT(holm({}), testing::IsEmpty());
}

}  // namespace
}  // namespace kvcompare
