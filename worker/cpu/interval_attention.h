// Attention under eviction, for a whole sequence at once: query i sees key j of its KV head if and only if
// j <= i < until[j]. Where no key is evicted this is plain causal attention, by the same code.
//
// Every number is a sum over the visible keys in the order of their positions, a sink first, with the maximum
// of the row taken off before: it depends on no tile, no thread, and on no key that the query does not see.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "presses/attention_scale.h"
#include "worker/cpu/aligned_vector.h"

namespace kvcompare {

// One layer of one sample in CPU memory; T is float or double.
template <class T>
struct AttentionHeads {
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // divides n_heads
  std::int64_t n_tokens = 0;
  std::int64_t d_head = 0;  // even
  AttentionScale scale{};
  std::optional<double> cap{};          // as in AttentionRule, and so are the sinks
  const T* sinks = nullptr;             // [n_heads], or null
  const T* q = nullptr;                 // [n_tokens, n_heads, d_head]
  const T* k = nullptr;                 // [n_kv_heads, n_tokens, d_head]
  const T* v = nullptr;                 // [n_kv_heads, n_tokens, d_head]
  const std::int32_t* until = nullptr;  // [n_kv_heads, n_tokens], j < until[j] <= n_tokens
  T* out = nullptr;                     // [n_tokens, n_heads, d_head], written; may be q

  std::int64_t group() const { return n_heads / n_kv_heads; }
};

// What one thread needs while it computes a tile; kept from tile to tile.
template <class T>
struct AttentionScratch {
  AlignedVector<T> queries;               // [d_head, n_rows]
  AlignedVector<T> weights;               // [n_keys, n_rows]
  AlignedVector<T> outputs;               // [d_head, n_rows]
  AlignedVector<T> maxima, sums;          // [n_rows]
  std::vector<std::int32_t> keys;         // seen by any query of the tile, ascending
  std::vector<std::int32_t> first, last;  // the queries of the tile that see them: [first, last)
};

// Queries of a tile, whose outputs interval_attention_tile computes. A row is a query in one head of the
// group.
std::int64_t n_queries_in_tile(std::int64_t group);

// The query heads of one KV head, queries first_query ... first_query + n_queries_in_tile - 1 as far as there
// are. Tiles touch nothing of each other. By Google Highway.
void interval_attention_tile(const AttentionHeads<float>& heads, std::int64_t kv_head,
                             std::int64_t first_query, AttentionScratch<float>& scratch);
void interval_attention_tile(const AttentionHeads<double>& heads, std::int64_t kv_head,
                             std::int64_t first_query, AttentionScratch<double>& scratch);

}  // namespace kvcompare
