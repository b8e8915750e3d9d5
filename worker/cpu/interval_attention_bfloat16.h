// Attention under eviction (interval_attention.h) with products in bfloat16 by AVX512-BF16: queries, keys,
// values and the softmax's weights are rounded to bfloat16, sums and exponentials are float32.
//
// Two keys that follow each other among those that the tile sees are summed by one instruction. So the last
// bits of a query's output depend on which keys other queries of its tile see, but on nothing outside its
// tile.
#pragma once

#include <cstdint>

#include "worker/cpu/aligned_vector.h"
#include "worker/cpu/interval_attention.h"

namespace kvcompare {

// What one thread needs while it computes a tile; kept from tile to tile. Pairs: two numbers of bfloat16.
struct Bfloat16AttentionScratch {
  AlignedVector<std::uint32_t> queries;  // [d_head / 2, n_rows], pairs of channels
  AlignedVector<std::uint32_t> keys;     // [keys at once, d_head / 2], pairs of channels
  AlignedVector<float> logits;           // [n_keys, n_rows]
  AlignedVector<std::uint32_t> weights;  // [pairs of keys in a block, n_rows]
  AlignedVector<std::uint32_t> values;   // [pairs of keys in a block, d_head]
  AlignedVector<float> outputs;          // [d_head, n_rows]
  AlignedVector<float> maxima, sums;     // [n_rows]
  std::vector<std::int32_t> seen;        // keys seen by any query of the tile, ascending
};

// As interval_attention_tile, of heads without a cap and sinks. Only on a processor with avx512_bf16 in
// /proc/cpuinfo.
void interval_attention_tile(const AttentionHeads<float>& heads, std::int64_t kv_head,
                             std::int64_t first_query, Bfloat16AttentionScratch& scratch);

}  // namespace kvcompare
