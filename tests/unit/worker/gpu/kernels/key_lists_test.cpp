// Which queries and keys a block of the attention kernel takes, against plain loops.
#include "worker/gpu/kernels/key_lists.cuh"

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/kernels/emulation/emulation.h"
#include "worker/gpu/kernels/key_tiles.h"

namespace kvcompare {
namespace {

bool same(const std::vector<KeyInterval>& a, const std::vector<KeyInterval>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && x.until == y.until; });
}

TEST(QueryTiles, EveryQueryInEveryHeadIsOneRow) {
  for (const int n_rows : {32, 128})
    for (const int group : {1, 2, 3, 7, 8, 32, 33, 71, 128, 200})
      for (const int n_tokens : {1, 17, 128, 130}) {
        const auto tiles = cut_queries(n_tokens, group, n_rows);
        std::set<std::pair<int, int>> seen;
        int next = 0;
        for (int t = 0; t < tiles.n_tiles(); ++t) {
          const auto tile = tiles.tile(t);
          ASSERT_EQ(tile.first, next);
          ASSERT_LE(tile.first, tile.last);
          next = tile.last + 1;
          for (int part = 0; part < tiles.n_parts; ++part)
            for (int r = 0; r < n_rows; ++r) {
              const auto row = tiles.row(tile, part, r);
              ASSERT_LE(tile.first, row.query);
              ASSERT_LE(row.query, tile.last);
              if (row.is_padding) continue;
              ASSERT_LT(row.head, group);
              ASSERT_TRUE(seen.emplace(row.query, row.head).second) << row.query << ' ' << row.head;
            }
        }
        EXPECT_EQ(next, n_tokens);
        EXPECT_EQ(seen.size(), static_cast<std::size_t>(n_tokens * group)) << n_rows << ' ' << group;
      }
}

TEST(QueryTiles, TheLastQueryHasATileOfItsOwn) {
  for (const int n_tokens : {1, 2, 31, 32, 33, 65}) {
    const auto tiles = cut_queries(n_tokens, 4, 128);
    EXPECT_EQ(tiles.tile(tiles.n_tiles() - 1).first, n_tokens - 1);
    if (n_tokens > 1) {
      EXPECT_EQ(tiles.tile(tiles.n_tiles() - 2).last, n_tokens - 2);
    }
  }
}

// As many queries as there is room for: rows that are left are fewer than a query has.
TEST(QueryTiles, FillTheirRows) {
  EXPECT_EQ(cut_queries(1000, 1, 128).n_queries, 128);
  EXPECT_EQ(cut_queries(1000, 4, 128).n_queries, 32);
  EXPECT_EQ(cut_queries(1000, 7, 128).n_queries, 18);
  EXPECT_EQ(cut_queries(1000, 71, 128).n_queries, 1);
  EXPECT_EQ(cut_queries(1000, 200, 128).n_parts, 2);
}

TEST(KeyList, IsWhatTheQueriesOfTheTileSee) {
  for (int first = 0; first < 9; ++first)
    for (int last = first; last < 9; ++last)
      for (int j = 0; j < 10; ++j)
        for (int until = j + 1; until <= 11; ++until) {
          int n_seeing = 0;
          for (int i = first; i <= last; ++i) n_seeing += j <= i && i < until;
          const auto expected = n_seeing == 0                  ? KeyList::kNone
                                : n_seeing == last - first + 1 ? KeyList::kWhole
                                                               : KeyList::kPartly;
          EXPECT_EQ(list_of({j, until}, {first, last}), expected)
              << "key " << j << " until " << until << ", queries " << first << " to " << last;
        }
}

// ldmatrix reads eight rows of 16 bytes at once; 32 banks of 4 bytes are eight pieces of 16.
TEST(RowStride, EightRowsLieInDifferentBanks) {
  for (const int d : {64, 80, 96, 128, 256}) {
    ASSERT_EQ(row_stride(d) * 2 % 16, 0) << d;
    for (int column = 0; column < d; column += 8) {
      std::set<int> pieces;
      for (int row = 0; row < 8; ++row) pieces.insert((row * row_stride(d) + column) * 2 / 16 % 8);
      EXPECT_EQ(pieces.size(), 8U) << d << ' ' << column;
    }
  }
}

constexpr int kStep = 32;

void write_lists(const std::int32_t* until, QueryTile tile, KeyStep* steps, KeyInterval* keys) {
  KeyLists<kStep> lists(*reinterpret_cast<KeyListMemory<kStep>*>(gpu::shared_memory()), until, tile);
  for (int n = 0;; ++n) {
    const auto step = lists.next();
    if (gpu::thread() == 0) steps[n] = step;
    if (gpu::thread() < kStep) keys[n * kStep + gpu::thread()] = lists.key(gpu::thread());
    if (step.n_keys() == 0) return;
    gpu::sync_block();
  }
}

struct Lists {
  std::vector<KeyInterval> whole, partly;
  std::vector<KeyStep> steps;
};

Lists list_on_device(const std::vector<std::int32_t>& until, QueryTile tile, bool reverse_warps) {
  Lists lists;
  lists.steps.resize(until.size() + 1);
  std::vector<KeyInterval> keys(lists.steps.size() * kStep);
  gpu::set_reverse_warps(reverse_warps);
  gpu::launch(write_lists, {1}, kListingThreads, sizeof(KeyListMemory<kStep>), nullptr, until.data(), tile,
              lists.steps.data(), keys.data());
  gpu::set_reverse_warps(false);
  std::size_t n = 0;
  for (; lists.steps[n].n_keys() > 0; ++n)
    for (int t = 0; t < kStep; ++t) {
      const auto key = keys[n * kStep + static_cast<std::size_t>(t)];
      EXPECT_EQ(key.is_empty(), t >= lists.steps[n].n_keys());
      if (!key.is_empty()) (t < lists.steps[n].n_whole ? lists.whole : lists.partly).push_back(key);
    }
  lists.steps.resize(n);
  return lists;
}

Lists list_plainly(const std::vector<std::int32_t>& until, QueryTile tile) {
  Lists lists;
  for (int j = 0; j < static_cast<int>(until.size()); ++j) {
    const auto end = until[static_cast<std::size_t>(j)];
    int n_seeing = 0;
    for (int i = tile.first; i <= tile.last; ++i) n_seeing += j <= i && i < end;
    if (n_seeing == tile.last - tile.first + 1)
      lists.whole.push_back({j, INT32_MAX});
    else if (n_seeing > 0)
      lists.partly.push_back({j, end});
  }
  return lists;
}

void expect_lists(const std::vector<std::int32_t>& until, QueryTile tile) {
  const auto expected = list_plainly(until, tile);
  for (const bool reverse : {false, true}) {
    const auto lists = list_on_device(until, tile, reverse);
    EXPECT_TRUE(same(lists.whole, expected.whole));
    EXPECT_TRUE(same(lists.partly, expected.partly));
    // As few steps as can be, and a mask for as few.
    const auto n_keys = expected.whole.size() + expected.partly.size();
    EXPECT_EQ(lists.steps.size(), (n_keys + kStep - 1) / kStep);
    std::size_t n_without_mask = 0;
    for (const auto& step : lists.steps) n_without_mask += step.n_whole == kStep;
    EXPECT_EQ(n_without_mask, expected.whole.size() / kStep);
  }
}

// More positions than are looked at at once, and more keys than a list has room for.
constexpr int kTokens = 5003;
constexpr QueryTile kTiles[] = {{0, 0},       {0, 31},      {31, 31},    {1000, 1031},
                                {1023, 1024}, {4100, 4227}, {4992, 5002}};

TEST(KeyLists, NothingDies) {
  for (const auto tile : kTiles) expect_lists(std::vector<std::int32_t>(kTokens, kTokens), tile);
}

TEST(KeyLists, AllDieAtBirth) {
  std::vector<std::int32_t> until(kTokens);
  for (int j = 0; j < kTokens; ++j) until[static_cast<std::size_t>(j)] = j + 1;
  for (const auto tile : kTiles) expect_lists(until, tile);
}

TEST(KeyLists, AllDieInOneTile) {
  std::vector<std::int32_t> until(kTokens);
  for (int j = 0; j < kTokens; ++j) until[static_cast<std::size_t>(j)] = j < 4200 ? 4200 : kTokens;
  for (const auto tile : kTiles) expect_lists(until, tile);
}

TEST(KeyLists, SomeDieAtAnyTime) {
  std::mt19937 random(7);
  std::vector<std::int32_t> until(kTokens);
  for (const int longest : {40, 2000, kTokens}) {
    for (int j = 0; j < kTokens; ++j)
      until[static_cast<std::size_t>(j)] =
          std::min(j + 1 + static_cast<int>(random() % unsigned(longest)), kTokens);
    for (const auto tile : kTiles) expect_lists(until, tile);
  }
}

}  // namespace
}  // namespace kvcompare
