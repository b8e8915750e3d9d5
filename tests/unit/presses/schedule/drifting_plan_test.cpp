#include "presses/schedule/drifting_plan.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/presses/schedule/naive_schedule.h"
#include "tests/unit/presses/schedule/shape_rule.h"

namespace kvcompare {
namespace {

DriftingPlan plan_of(const naive::Shape& shape) {
  return drifting_plan(naive::rule_of(shape), shape.n_sink, naive::chunking_of(shape));
}

using Counts = std::vector<std::int32_t>;

// Chunks of 2 at 9 tokens: events at 2, 4, 6, 8, 9, which keep max(2 sinks, n / 2): 2, 2, 3, 4, 4.
TEST(DriftingPlan, HasTheEventsThatEvict) {
  const auto plan = plan_of({RatioBudget{0.5}, /*n_sink=*/2, /*n_tokens=*/9, /*chunk_size=*/2});
  EXPECT_EQ(plan.events, (Counts{1, 2, 3, 4}));
  EXPECT_EQ(plan.n, (Counts{4, 6, 8, 9}));
  EXPECT_EQ(plan.first_eviction, (Counts{0, 2, 3, 4, 5}));
  ASSERT_EQ(plan.blocks.size(), 1U);
  const auto& block = plan.blocks[0];
  EXPECT_EQ(block.first_event, 0);
  EXPECT_EQ(block.n_events, 4);
  EXPECT_EQ(block.n_before, 0);
  EXPECT_EQ(block.n_after, 9);
  EXPECT_EQ(block.n_new, 7);
  EXPECT_EQ(block.n_reused, 0);
  EXPECT_EQ(block.n_used_before, 0);
  EXPECT_EQ(block.n_places, 8);
  EXPECT_EQ(plan.n_evictions(), 5);
  EXPECT_EQ(plan.capacity(), 8);
}

// Half of 300 tokens, one by one: events at 2, 3, 5, 7, ... The 64th is at 127 and leaves 63 keys and 64
// places without. Of the 128 keys of the second block, 64 take those, and 64 the places from 127 on.
TEST(DriftingPlan, GivesPlacesOfTheEvictedToTheNextBlock) {
  const auto plan = plan_of({RatioBudget{0.5}, /*n_sink=*/0, /*n_tokens=*/300, /*chunk_size=*/1});
  ASSERT_EQ(plan.blocks.size(), 3U);
  const auto& second = plan.blocks[1];
  EXPECT_EQ(second.first_event, 64);
  EXPECT_EQ(second.n_before, 127);
  EXPECT_EQ(second.n_after, 255);
  EXPECT_EQ(second.n_new, 128);
  EXPECT_EQ(second.first_reused, 0);
  EXPECT_EQ(second.n_reused, 64);
  EXPECT_EQ(second.n_used_before, 127);
  EXPECT_EQ(second.n_places, 192);
  // The last 44 keys take places of the 64 that the second block evicts.
  const auto& last = plan.blocks[2];
  EXPECT_EQ(last.n_events, 22);
  EXPECT_EQ(last.first_reused, 64);
  EXPECT_EQ(last.n_reused, 44);
  EXPECT_EQ(last.n_used_before, 191);
  EXPECT_EQ(last.n_places, 192);
}

TEST(DriftingPlan, IsEmptyWhereNothingIsEvicted) {
  for (const auto& shape :
       {naive::Shape{RatioBudget{0}, 0, 50, 1}, naive::Shape{RatioBudget{0.9}, 50, 50, 3}}) {
    const auto plan = plan_of(shape);
    EXPECT_TRUE(plan.events.empty());
    EXPECT_TRUE(plan.blocks.empty());
    EXPECT_EQ(plan.n_evictions(), 0);
    EXPECT_EQ(plan.capacity(), 0);
  }
}

// A window of 3 and 2 sinks, chunks of 4: at 4 tokens nothing beyond the sinks has left the window, at 8
// positions 2 to 4, at 10 two more.
TEST(DriftingPlan, UnderAThresholdHasTheEventsThatJudge) {
  const auto plan =
      drifting_plan({ScoreThreshold{.threshold = 0.1, .sliding_window_size = 3}, 2}, 2, {10, 4});
  EXPECT_EQ(plan.events, (Counts{1, 2}));
  EXPECT_EQ(plan.n, (Counts{8, 10}));
  EXPECT_EQ(plan.first_eviction, (Counts{0, 3, 5}));
  ASSERT_EQ(plan.blocks.size(), 1U);
  EXPECT_EQ(plan.blocks[0].n_new, 8);
  EXPECT_EQ(plan.blocks[0].n_reused, 0);
  EXPECT_EQ(plan.capacity(), 8);
  EXPECT_TRUE(drifting_plan({ScoreThreshold{.threshold = 0.1, .sliding_window_size = 8}, 2}, 2, {10, 4})
                  .blocks.empty());
  EXPECT_TRUE(drifting_plan({KeepAll{}, 2}, 2, {10, 4}).blocks.empty());
}

// Places under a threshold are positions beyond the sinks, in every block.
TEST(DriftingPlan, UnderAThresholdUsesNoPlaceAgain) {
  const auto plan =
      drifting_plan({ScoreThreshold{.threshold = 0.1, .sliding_window_size = 10}, 4}, 4, {1000, 1});
  std::int64_t n_entered = 4;
  for (const auto& block : plan.blocks) {
    EXPECT_EQ(block.n_reused, 0);
    EXPECT_EQ(block.n_used_before, n_entered - 4);
    n_entered += block.n_new;
    EXPECT_EQ(n_entered, block.n_after);
  }
  EXPECT_EQ(n_entered, 1000);
  EXPECT_EQ(plan.n_evictions(), 1000 - 10 - 4);
}

// Follows the plan with sets, evicting keys in any order, as an eviction would.
void check(const naive::Shape& shape) {
  const auto plan = plan_of(shape);
  Counts events, n_of_events, first_eviction{0};
  std::int64_t n_alive = 0, n_previous = 0;
  for (std::int64_t e = 0; const auto n : naive::ends(shape)) {
    n_alive += n - n_previous;
    n_previous = n;
    if (const auto n_over = n_alive - naive::budget(shape.policy, n, shape.n_sink, shape.n_uncounted);
        n_over > 0) {
      events.push_back(static_cast<std::int32_t>(e));
      n_of_events.push_back(static_cast<std::int32_t>(n));
      first_eviction.push_back(first_eviction.back() + static_cast<std::int32_t>(n_over));
      n_alive -= n_over;
    }
    ++e;
  }
  ASSERT_EQ(plan.events, events);
  ASSERT_EQ(plan.n, n_of_events);
  ASSERT_EQ(plan.first_eviction, first_eviction);

  std::int64_t next_event = 0, n_entered = 0, next_key = shape.n_sink, most_candidates = 0;
  std::vector<std::int64_t> evicted;  // places
  std::set<std::int64_t> occupied;
  for (const auto& block : plan.blocks) {
    ASSERT_EQ(block.first_event, next_event);
    ASSERT_EQ(block.n_before, n_entered);
    ASSERT_GE(block.n_events, 1);
    ASSERT_LE(block.n_events, kMostEventsInBlock);
    next_event += block.n_events;
    n_entered = plan.n[naive::size(next_event - 1)];
    ASSERT_EQ(block.n_after, n_entered);
    for (std::int64_t i = 0; i < block.n_new; ++i, ++next_key) {
      const auto place = i < block.n_reused ? evicted.at(naive::size(block.first_reused + i))
                                            : block.n_used_before + i - block.n_reused;
      ASSERT_TRUE(occupied.insert(place).second) << "place " << place << " has a key";
    }
    ASSERT_EQ(next_key, block.n_after);
    most_candidates = std::max(most_candidates, std::ssize(occupied));
    ASSERT_EQ(block.n_places, (most_candidates + 7) / 8 * 8);
    ASSERT_LT(*occupied.rbegin(), block.n_places);
    while (std::ssize(evicted) < plan.first_eviction[naive::size(next_event)]) {
      evicted.push_back(*std::next(occupied.begin(), std::ssize(evicted) * 7 % std::ssize(occupied)));
      occupied.erase(evicted.back());
    }
  }
  ASSERT_EQ(next_event, std::ssize(events));
  ASSERT_EQ(plan.capacity(), plan.blocks.empty() ? 0 : plan.blocks.back().n_places);
}

TEST(DriftingPlan, GivesEveryKeyAPlaceOfItsOwn) {
  for (const std::int64_t n_tokens : {1, 2, 3, 127, 128, 129, 130, 1100, 3000})
    for (const double ratio : {0.0, 0.1, 0.3, 0.5, 0.9, 0.99})
      for (const auto n_sink : naive::sink_counts(n_tokens))
        for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
          const naive::Shape shape{RatioBudget{ratio}, n_sink, n_tokens, chunk_size};
          SCOPED_TRACE(to_text(shape));
          check(shape);
          if (testing::Test::HasFatalFailure()) return;
        }
  for (const std::int64_t n_context : {0, 1, 500, 2999, 3000})
    for (const std::int64_t chunk_size : {1, 8, 600}) {
      naive::Shape prefill{RatioBudget{0.5}, 4, 3000, std::max<std::int64_t>(n_context, 1)};
      prefill.events_until = n_context;
      naive::Shape generate{SizeBudget{300}, std::max<std::int64_t>(n_context, 4), 3000, chunk_size};
      generate.events_from = generate.n_uncounted = n_context;
      for (const auto& shape : {prefill, generate}) {
        SCOPED_TRACE(to_text(shape));
        check(shape);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
}

// A ratio of 0.1 at 8000 tokens has an event every 10 tokens: 512 tokens come before 64 events.
TEST(DriftingPlan, EndsABlockByItsTokens) {
  const auto plan = plan_of({RatioBudget{0.1}, 0, 8000, 1});
  for (const auto& block : plan.blocks) EXPECT_LT(block.n_after - block.n_before, 512 + 11);
  EXPECT_EQ(plan_of({RatioBudget{0.5}, 0, 8000, 1000}).blocks.size(), 8U);
}

}  // namespace
}  // namespace kvcompare
