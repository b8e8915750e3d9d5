#include "coordinator/plan/finish_time.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

TEST(FinishTime, OfOneWorkerIsTheSum) {
  EXPECT_DOUBLE_EQ(finish_time({{.free_at = 3}}, {{.n = 2, .work = 8}, {.n = 1, .work = 5}}), 3 + 8 + 5);
  EXPECT_DOUBLE_EQ(finish_time({{.free_at = 3}}, {{.n = 2000, .work = 8}}), 3 + 8);
  EXPECT_DOUBLE_EQ(finish_time({{.free_at = 3}}, {}), 3);
}

TEST(FinishTime, OfFewUnitsIsThatOfTheLastOneDealtOut) {
  // 5 units of 4 s for two workers: one has three of them.
  EXPECT_DOUBLE_EQ(finish_time({{}, {}}, {{.n = 5, .work = 20}}), 12);
  // The longest first: 6 | 5 3 | then 2 to the first: 8 | 8.
  EXPECT_DOUBLE_EQ(
      finish_time({{}, {}},
                  {{.n = 1, .work = 2}, {.n = 1, .work = 5}, {.n = 1, .work = 3}, {.n = 1, .work = 6}}),
      8);
}

// 100 units of 1 s. Free after 0, 10 and 200 s: the first two do 100 s of work until t + (t - 10) = 100.
TEST(FinishTime, OfManyUnitsIsWhereTheEndsMeet) {
  EXPECT_DOUBLE_EQ(finish_time({{}, {.free_at = 10}}, {{.n = 100, .work = 100}}), 55);
  EXPECT_DOUBLE_EQ(finish_time({{.free_at = 200}, {.free_at = 10}, {}}, {{.n = 100, .work = 100}}), 200);
}

// One ten times slower than the other: together 1.1 s of work a second. Of two units it gets none.
TEST(FinishTime, KnowsASlowWorker) {
  EXPECT_DOUBLE_EQ(finish_time({{}, {.slowness = 10}}, {{.n = 1100, .work = 1100}}), 1000);
  EXPECT_DOUBLE_EQ(finish_time({{}, {.slowness = 10}}, {{.n = 2, .work = 8}}), 8);
}

}  // namespace
}  // namespace kvcompare
