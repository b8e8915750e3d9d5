#include "worker/devices/tile_team.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

// Tiles that wait for each other: all go on once n are there, so n threads must have come.
class Meeting {
 public:
  explicit Meeting(std::size_t n) : n_missing_(n) {}

  // False if the others do not come; long after they would have.
  bool join() {
    std::unique_lock lock(mutex_);
    if (--n_missing_ == 0) all_there_.notify_all();
    return all_there_.wait_for(lock, std::chrono::seconds(20), [&] { return n_missing_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_there_;
  std::size_t n_missing_;
};

// Runs the tiles and expects each to have been computed once, by a thread of the team that has no other.
void expect_every_tile_once(TileTeam& team, std::size_t n_tiles) {
  std::vector<std::atomic<int>> n_times(n_tiles), n_at_once(team.n_threads());
  std::atomic<int> n_strangers = 0, n_shared = 0;
  team.for_each(n_tiles, [&](std::size_t thread, std::size_t tile) {
    if (thread >= n_at_once.size() || tile >= n_times.size()) {
      ++n_strangers;
      return;
    }
    if (++n_at_once[thread] > 1) ++n_shared;
    ++n_times[tile];
    --n_at_once[thread];
  });
  EXPECT_EQ(n_strangers, 0);
  EXPECT_EQ(n_shared, 0);
  for (std::size_t tile = 0; tile < n_tiles; ++tile) ASSERT_EQ(n_times[tile], 1) << tile << " of " << n_tiles;
}

class TileTeamOf : public ::testing::TestWithParam<int> {
 protected:
  std::size_t n_threads() const { return static_cast<std::size_t>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Threads, TileTeamOf, ::testing::Range(1, 6), ::testing::PrintToStringParamName());

TEST_P(TileTeamOf, ComputesEveryTileOnce) {
  TileTeam team(GetParam());
  EXPECT_EQ(team.n_threads(), n_threads());
  for (const std::size_t n_tiles : {0, 1, 2, 3, 1000}) expect_every_tile_once(team, n_tiles);
}

// None has taken all of them before the others woke up.
TEST_P(TileTeamOf, ComputesEveryTileOnceWhileAllCompete) {
  TileTeam team(GetParam());
  Meeting meeting(n_threads());
  std::vector<int> has_met(n_threads(), 0);
  std::vector<std::atomic<int>> n_times(200'000);
  team.for_each(n_times.size(), [&](std::size_t thread, std::size_t tile) {
    if (!std::exchange(has_met[thread], 1) && !meeting.join()) throw std::logic_error("alone");
    ++n_times[tile];
  });
  for (std::size_t tile = 0; tile < n_times.size(); ++tile) ASSERT_EQ(n_times[tile], 1) << tile;
}

TEST_P(TileTeamOf, MayBeUsedOverAndOver) {
  TileTeam team(GetParam());
  for (std::size_t round = 0; round < 2000; ++round) {
    expect_every_tile_once(team, round % 7);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
}

// What the tiles wrote is there when for_each returns, without more ado.
TEST_P(TileTeamOf, HasFinishedWhenForEachReturns) {
  TileTeam team(GetParam());
  for (int round = 1; round <= 300; ++round) {
    std::vector<int> written(50, 0);
    team.for_each(written.size(), [&](std::size_t, std::size_t tile) {
      volatile int waste = 0;
      for (int i = 0; i < 500; ++i) waste = waste + i;
      written[tile] = round;
    });
    ASSERT_EQ(written, std::vector<int>(50, round));
  }
}

TEST_P(TileTeamOf, UsesAllItsThreads) {
  TileTeam team(GetParam());
  Meeting meeting(n_threads());
  std::mutex mutex;
  std::set<std::size_t> threads;
  std::set<std::thread::id> ids;
  std::atomic<int> n_alone = 0;
  std::thread::id first;
  team.for_each(n_threads(), [&](std::size_t thread, std::size_t) {
    if (!meeting.join()) ++n_alone;
    const std::scoped_lock lock(mutex);
    threads.insert(thread);
    ids.insert(std::this_thread::get_id());
    if (thread == 0) first = std::this_thread::get_id();
  });
  EXPECT_EQ(n_alone, 0);
  EXPECT_EQ(threads.size(), n_threads());
  EXPECT_EQ(*threads.rbegin(), n_threads() - 1);
  EXPECT_EQ(ids.size(), n_threads());
  EXPECT_EQ(first, std::this_thread::get_id()) << "the caller is thread 0";
}

TEST_P(TileTeamOf, ThrowsWhatATileThrewAndWorksOn) {
  TileTeam team(GetParam());
  for (std::size_t round = 0; round < 200; ++round) {
    const auto bad = round % 10;
    const auto error = error_of<std::runtime_error>([&] {
      team.for_each(10, [&](std::size_t, std::size_t tile) {
        if (tile == bad) throw std::runtime_error("tile " + std::to_string(tile));
      });
    });
    EXPECT_EQ(error.what(), "tile " + std::to_string(bad));
    expect_every_tile_once(team, 10);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
}

// Also from a thread that is not the caller's, and if all throw.
TEST_P(TileTeamOf, BringsTheExceptionOfAnyThread) {
  TileTeam team(GetParam());
  for (std::size_t bad = 0; bad <= n_threads(); ++bad) {  // the last: all
    Meeting meeting(n_threads());
    const auto error = error_of<std::runtime_error>([&] {
      team.for_each(n_threads(), [&](std::size_t thread, std::size_t) {
        if (!meeting.join()) throw std::logic_error("alone");
        if (thread == bad || bad == n_threads()) throw std::runtime_error("thread " + std::to_string(thread));
      });
    });
    if (bad < n_threads()) {
      EXPECT_EQ(error.what(), "thread " + std::to_string(bad));
    }
    expect_every_tile_once(team, 100);
  }
}

// No thread is still at work on a tile when the exception arrives.
TEST_P(TileTeamOf, ThrowsAfterAllHaveFinished) {
  TileTeam team(GetParam());
  for (int round = 0; round < 200; ++round) {
    auto n_inside = std::make_unique<std::atomic<int>>(0);
    EXPECT_THROW(team.for_each(1000,
                               [&](std::size_t, std::size_t tile) {
                                 ++*n_inside;
                                 volatile int waste = 0;
                                 for (int i = 0; i < 2000; ++i) waste = waste + i;
                                 --*n_inside;
                                 if (tile == 5) throw std::runtime_error("5");
                               }),
                 std::runtime_error);
    ASSERT_EQ(*n_inside, 0) << round;
  }
}

TEST_P(TileTeamOf, LeavesLibtorchOneThreadAndNoAutograd) {
  at::set_num_threads(2);
  TileTeam team(GetParam());
  Meeting meeting(n_threads());
  std::atomic<int> n_right = 0;
  team.for_each(n_threads(), [&](std::size_t, std::size_t) {
    if (meeting.join() && at::get_num_threads() == 1 && c10::InferenceMode::is_enabled()) ++n_right;
  });
  EXPECT_EQ(n_right, GetParam());
  EXPECT_FALSE(c10::InferenceMode::is_enabled()) << "after for_each";
}

TEST_P(TileTeamOf, MayEndWithoutWork) {
  for (int round = 0; round < 200; ++round) TileTeam team(GetParam());
}

TEST(TileTeam, TakesLowNumbersFirst) {
  TileTeam team(1);
  std::vector<std::size_t> order;
  team.for_each(5, [&](std::size_t, std::size_t tile) { order.push_back(tile); });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace kvcompare
