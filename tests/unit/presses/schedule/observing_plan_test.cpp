#include "presses/schedule/observing_plan.h"

#include <algorithm>
#include <tuple>

#include <gtest/gtest.h>

#include "tests/unit/presses/schedule/naive_schedule.h"

namespace kvcompare {
namespace {

// Half of 7 tokens one by one, in blocks of 3 rows: alive after 0, 3, 6, 7 tokens: 0, 1, 3, 3.
TEST(ObservingPlan, CountsTheKeysThatABudgetLeaves) {
  const auto plan = observing_plan({RatioBudget{0.5}}, {7, 1}, 3);
  ASSERT_EQ(plan.blocks.size(), 3U);
  const auto& [first, second, third] = std::tie(plan.blocks[0], plan.blocks[1], plan.blocks[2]);
  EXPECT_EQ(first.n_old, 0);
  EXPECT_EQ(first.n_columns, 4);  // 3, in fours
  EXPECT_EQ(first.n_next, 1);
  EXPECT_EQ(second.first_row, 3);
  EXPECT_EQ(second.n_old, 1);
  EXPECT_EQ(second.n_columns, 4);
  EXPECT_EQ(second.n_next, 3);
  EXPECT_EQ(third.first_row, 6);
  EXPECT_EQ(third.n_rows, 1);
  EXPECT_EQ(third.n_old, 3);
  EXPECT_EQ(third.n_columns, 4);
  EXPECT_EQ(third.n_next, 3);
  EXPECT_EQ(plan.capacity(), 4);
}

TEST(ObservingPlan, UnderAThresholdHasRoomForAllKeys) {
  const auto plan = observing_plan({ScoreThreshold{.threshold = 0.1, .sliding_window_size = 2}}, {10, 4}, 4);
  ASSERT_EQ(plan.blocks.size(), 3U);
  EXPECT_EQ(plan.blocks[2].n_old, 8);
  EXPECT_EQ(plan.blocks[2].n_next, 10);
  EXPECT_EQ(plan.capacity(), 12);
  EXPECT_TRUE(plan.slots.first.empty());
}

TEST(ObservingPlan, HasNoRowsBehindTheLastEvent) {
  const auto prefill = observing_plan({RatioBudget{0.5}}, chunking_of(9, 6, 1, {ProtocolKind::kPrefill}), 4);
  ASSERT_EQ(prefill.blocks.size(), 2U);
  EXPECT_EQ(prefill.blocks[1].n_rows, 2);
  EXPECT_EQ(prefill.blocks[1].n_next, 3);
  EXPECT_TRUE(
      observing_plan({RatioBudget{0.5}}, chunking_of(9, 9, 1, {ProtocolKind::kGenerate}), 4).blocks.empty());
}

// Against a walk through the events.
TEST(ObservingPlan, FollowsTheBudgetAtAnyBlockSize) {
  for (const std::int64_t n_tokens : {1, 2, 130, 300})
    for (const double ratio : {0.1, 0.5, 0.99})
      for (const auto chunk_size : naive::chunk_sizes(n_tokens))
        for (const std::int64_t n_rows : {1, 5, 64}) {
          const auto plan = observing_plan({RatioBudget{ratio}, 4}, {n_tokens, chunk_size}, n_rows);
          std::int64_t row = 0, n_alive = 0, next = 0;
          const auto ends = naive::ends(n_tokens, chunk_size);
          for (const auto& block : plan.blocks) {
            ASSERT_EQ(block.first_row, row);
            ASSERT_EQ(block.n_old, n_alive);
            ASSERT_GE(block.n_columns, block.n_old + block.n_rows);
            ASSERT_LE(block.n_columns, plan.capacity());
            for (std::int64_t i = 0; i < block.n_rows; ++i, ++row) {
              ++n_alive;
              if (ends[naive::size(next)] != row + 1) continue;
              n_alive = std::min(n_alive, naive::budget(RatioBudget{ratio}, row + 1, 4));
              ++next;
            }
            ASSERT_EQ(block.n_next, n_alive);
          }
          ASSERT_EQ(row, n_tokens);
        }
}

}  // namespace
}  // namespace kvcompare
