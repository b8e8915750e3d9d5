// What the kernels of interval attention by tensor cores have in common: the work of a block, and the softmax
// over scores that are in the registers of a warp as multiply_add() (gpu.cuh) has them: 16 rows, of which a
// lane has parts of lane / 4 and lane / 4 + 8. `first_row`: the warp's first, of the tile.
#pragma once

#include <cmath>

#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/interval_attention_kernel.h"
#include "worker/gpu/kernels/key_tiles.h"

namespace kvcompare {

// What a block knows of its work.
template <class T>
struct BlockTask {
  QueryTile tile;
  int part;            // of the group
  std::int64_t group;  // the first query head of it
  const T* k;          // of the KV head
  const T* v;
  const std::int32_t* until;
};

// Grid: tiles, the last and longest first, by parts of groups of KV heads.
template <class T>
KVCOMPARE_DEVICE BlockTask<T> task_of_block(const IntervalAttention<T>& task, const QueryTiles& tiles) {
  const std::int64_t kv_head = gpu::block_y() / tiles.n_parts;
  return {tiles.tile(gpu::n_blocks_x() - 1 - gpu::block_x()),
          gpu::block_y() % tiles.n_parts,
          kv_head * tiles.group,
          task.k + kv_head * task.d_head,
          task.v + kv_head * task.d_head,
          task.until + kv_head * task.n_tokens};
}

// A row's weights are exp(score - reference), where reference is its largest score so far; 0 if it has seen
// nothing, so that exp(-inf) = 0 comes out for what it does not see.
KVCOMPARE_DEVICE float reference_of(float largest) { return largest == -INFINITY ? 0 : largest; }

// Scores, which are to be multiplied by `scale`, become what is to be in place of them. Before they are
// masked.
template <int n, class T>
KVCOMPARE_DEVICE void cap_scores(const IntervalAttention<T>& task, float (&scores)[n][4]) {
  if (task.cap == 0) return;
  const auto most = static_cast<float>(task.cap / task.scale),
             least = static_cast<float>(task.scale / task.cap);
  for (int t = 0; t < n; ++t)
    for (int i = 0; i < 4; ++i) scores[t][i] = most * tanhf(scores[t][i] * least);
}

// Of the two rows of a lane.
struct RowSums {
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  // of the lane's own keys
};
struct RowQueries {
  int query[2];
};

// What rows begin with: nothing, or the sinks of their heads, each with the first of the four lanes of its
// row.
template <class T>
KVCOMPARE_DEVICE RowSums first_sums(const IntervalAttention<T>& task, const QueryTiles& tiles,
                                    const BlockTask<T>& block, int first_row) {
  RowSums sums;
  if (!task.sinks) return sums;
  for (int half = 0; half < 2; ++half) {
    const auto row = tiles.row(block.tile, block.part, first_row + gpu::lane() / 4 + 8 * half);
    if (row.is_padding) continue;
    sums.largest[half] = task.sinks[block.group + row.head] / static_cast<float>(task.scale);
    sums.sum[half] = gpu::lane() % 4 == 0 ? 1 : 0;
  }
  return sums;
}

template <class T>
KVCOMPARE_DEVICE RowQueries queries_of_lane(const QueryTiles& tiles, const BlockTask<T>& block,
                                            int first_row) {
  const int row = first_row + gpu::lane() / 4;
  return {{tiles.row(block.tile, block.part, row).query, tiles.row(block.tile, block.part, row + 8).query}};
}

// What a row does not see becomes -inf.
template <int n>
KVCOMPARE_DEVICE void mask(const RowQueries& rows, const KeyInterval* visible, float (&scores)[n][4]) {
  for (int t = 0; t < n; ++t)
    for (int i = 0; i < 4; ++i) {
      const auto key = visible[8 * t + 2 * (gpu::lane() % 4) + i % 2];
      if (!key.is_seen_by(rows.query[i / 2])) scores[t][i] = -INFINITY;
    }
}

// Scores become weights. What was summed up before has to be multiplied by `shrink`, as rows.sum has been.
template <int n>
KVCOMPARE_DEVICE void weigh(float scale, RowSums& rows, float (&scores)[n][4], float (&shrink)[2]) {
  for (int half = 0; half < 2; ++half) {
    float largest = rows.largest[half];
    for (int t = 0; t < n; ++t) largest = fmaxf(largest, fmaxf(scores[t][2 * half], scores[t][2 * half + 1]));
    largest = fmaxf(largest, gpu::shuffle_xor(largest, 1));
    largest = fmaxf(largest, gpu::shuffle_xor(largest, 2));
    const float reference = reference_of(largest) * scale;
    shrink[half] = gpu::power_of_two(rows.largest[half] * scale - reference);
    rows.largest[half] = largest;
    rows.sum[half] *= shrink[half];
    for (int t = 0; t < n; ++t)
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        scores[t][i] = gpu::power_of_two(fmaf(scores[t][i], scale, -reference));
        rows.sum[half] += scores[t][i];
      }
  }
}

template <int n>
KVCOMPARE_DEVICE void scale_rows(float (&out)[n][4], const float (&by)[2]) {
  for (int t = 0; t < n; ++t)
    for (int i = 0; i < 4; ++i) out[t][i] *= by[i / 2];
}

// Weights of sixteen keys as the first factor of a product with their values.
template <class T>
KVCOMPARE_DEVICE void pack_weights(std::uint32_t (&packed)[4], const float (&low)[4],
                                   const float (&high)[4]) {
  packed[0] = gpu::pack<T>(low[0], low[1]);
  packed[1] = gpu::pack<T>(low[2], low[3]);
  packed[2] = gpu::pack<T>(high[0], high[1]);
  packed[3] = gpu::pack<T>(high[2], high[3]);
}

template <int n, class T>
KVCOMPARE_DEVICE void write(const IntervalAttention<T>& task, const QueryTiles& tiles,
                            const BlockTask<T>& block, int first_row, const RowSums& rows,
                            const float (&out)[n][4]) {
  constexpr int d = 8 * n;
  for (int half = 0; half < 2; ++half) {
    float sum = rows.sum[half];
    sum += gpu::shuffle_xor(sum, 1);
    sum += gpu::shuffle_xor(sum, 2);
    const auto row = tiles.row(block.tile, block.part, first_row + gpu::lane() / 4 + 8 * half);
    if (row.is_padding) continue;
    const float inverse = 1 / sum;
    auto* to = task.out + row.query * task.out_stride + (block.group + row.head) * d + 2 * (gpu::lane() % 4);
    for (int c = 0; c < n; ++c)
      *reinterpret_cast<std::uint32_t*>(to + 8 * c) =
          gpu::pack<T>(out[c][2 * half] * inverse, out[c][2 * half + 1] * inverse);
  }
}

// kernel(task, how queries are cut into tiles of n_rows, scale) on all tiles.
template <class T>
void launch_on_tiles(void (*kernel)(IntervalAttention<T>, QueryTiles, float), int n_rows, int n_threads,
                     std::size_t shared_bytes, double scale, const IntervalAttention<T>& task,
                     gpu::Stream stream) {
  const auto tiles =
      cut_queries(static_cast<int>(task.n_tokens), static_cast<int>(task.n_heads / task.n_kv_heads), n_rows);
  gpu::launch(kernel, {tiles.n_tiles(), task.n_kv_heads * tiles.n_parts}, n_threads, shared_bytes, stream,
              task, tiles, static_cast<float>(scale));
}

// So that weights are powers of two.
//   scale : IntervalAttention::scale
inline double scale_of_scores(double scale) { return std::log2(std::exp(1.0)) * scale; }

}  // namespace kvcompare
