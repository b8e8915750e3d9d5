// Says which queries and which keys a block of the attention kernel takes, and how rows lie in shared memory.
// The code is the same on host and device.
#pragma once

#include "worker/gpu/kernels/gpu.cuh"

namespace kvcompare {

// The queries of a tile: all from the first to the last.
struct QueryTile {
  int first;
  int last;
};

// Which query of which head a row of a tile stands for.
struct TileRow {
  int query;  // for padding: some query of the tile
  int head;   // within the group
  bool is_padding;
};

// How the queries of a KV head are cut into tiles. A tile has n_rows rows: row r is head r % n_heads of its
// part at query r / n_heads of its queries. A group with more heads than a tile has rows is cut into parts.
// The last query of a sample has its own tile, because its prediction is not scored. The order in which a
// tile adds depends on which keys die inside it. So a key that only the last query does not see changes no
// bit of a query that is scored.
struct QueryTiles {
  int n_tokens;
  int group;      // query heads of a KV head
  int n_parts;    // of a group
  int n_heads;    // of a part
  int n_queries;  // of a tile

  KVCOMPARE_HOST_DEVICE int n_tiles() const { return (n_tokens - 1 + n_queries - 1) / n_queries + 1; }
  KVCOMPARE_HOST_DEVICE QueryTile tile(int index) const {
    const int n_scored = n_tokens - 1, begin = index * n_queries, end = begin + n_queries;
    if (index == n_tiles() - 1) return {n_scored, n_scored};
    return {begin, (end < n_scored ? end : n_scored) - 1};
  }
  KVCOMPARE_HOST_DEVICE TileRow row(QueryTile tile, int part, int r) const {
    const int query = tile.first + r / n_heads, head = part * n_heads + r % n_heads;
    const bool is_there = query <= tile.last;
    return {is_there ? query : tile.last, head, !is_there || head >= group};
  }
};

inline QueryTiles cut_queries(int n_tokens, int group, int n_rows) {
  const int n_parts = (group + n_rows - 1) / n_rows;
  const int n_heads = (group + n_parts - 1) / n_parts;
  return {n_tokens, group, n_parts, n_heads, n_rows / n_heads};
}

// A key is seen by the queries i with first <= i < until; `first` is its position.
struct KeyInterval {
  int first;
  int until;

  KVCOMPARE_HOST_DEVICE bool is_seen_by(int query) const {
    return static_cast<int>(first <= query) & static_cast<int>(query < until);  // without branches
  }
  KVCOMPARE_HOST_DEVICE bool is_empty() const { return until <= first; }
};

enum class KeyList {
  kNone,    // no query of the tile sees it
  kWhole,   // every query does
  kPartly,  // some queries do: the key is born or dies inside the tile
};

// In which list of the tile a key belongs. The key's interval must not be empty.
KVCOMPARE_HOST_DEVICE KeyList list_of(KeyInterval key, QueryTile tile) {
  if (key.first <= tile.first && tile.last < key.until) return KeyList::kWhole;
  return key.first <= tile.last && tile.first < key.until ? KeyList::kPartly : KeyList::kNone;
}

// How many keys a tile takes in one step: n_whole from the list of keys that all queries see, then n_partly
// from the other list.
struct KeyStep {
  int n_whole = 0;
  int n_partly = 0;

  KVCOMPARE_HOST_DEVICE int n_keys() const { return n_whole + n_partly; }
};

// The next step, of up to n keys: n keys that need no mask if there are so many, else n of the others. When
// all keys are listed, the rest of both lists.
KVCOMPARE_HOST_DEVICE KeyStep next_step(int n_whole, int n_partly, int n) {
  if (n_whole >= n) return {n, 0};
  if (n_partly >= n) return {0, n};
  const int room = n - n_whole;
  return {n_whole, n_partly < room ? n_partly : room};
}

// The distance between rows in shared memory, in elements of 16 bits, for rows of d elements (a multiple of
// 16). It is an odd number of 16-byte pieces, so the eight rows of an ldmatrix matrix lie in different banks.
KVCOMPARE_HOST_DEVICE constexpr int row_stride(int d) { return d + 8; }

}  // namespace kvcompare
