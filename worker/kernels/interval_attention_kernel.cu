// Tiles of queries x steps of keys as in FlashAttention-2 (arXiv 2307.08691), over the keys that
// key_lists.cuh gathers.
#include <cmath>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "worker/kernels/gpu.cuh"
#include "worker/kernels/interval_attention_kernel.h"
#include "worker/kernels/key_lists.cuh"
#include "worker/kernels/key_tiles.h"

namespace kvcompare {
namespace {

constexpr int kThreads = kListingThreads;
constexpr int kWarps = kListingWarps;

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

// ---- by tensor cores

constexpr int kRows = 16 * kWarps;

template <int d>
constexpr int kStepKeys = d <= 128 ? 64 : 32;

template <class T, int d>
struct Shared {
  static constexpr int kKeys = kStepKeys<d>;
  static constexpr int kStride = row_stride(d);

  alignas(16) T rows[4 * kKeys * kStride];  // keys and values of two steps; before, the queries
  KeyInterval visible[2][kKeys];
  KeyListMemory<kKeys> lists;

  KVCOMPARE_DEVICE T* keys(int stage) { return rows + 2 * stage * kKeys * kStride; }
  KVCOMPARE_DEVICE T* values(int stage) { return rows + (2 * stage + 1) * kKeys * kStride; }

  static_assert(kRows <= 4 * kKeys, "the queries have room");
};

// Sixteen rows of queries, which a warp has, as fragments (gpu.cuh): a lane has parts of the rows lane / 4
// and lane / 4 + 8.
template <int d>
struct Fragments {
  std::uint32_t q[d / 16][4];
  float out[d / 8][4] = {};  // before division by the sum
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  // of the lane's own keys
};

// Where a lane points to for the matrices (0, 0), (8, 0), (0, 8), (8, 8) of a 16x16 block.
template <int d, class T>
KVCOMPARE_DEVICE const T* block_row(const T* block) {
  return block + gpu::lane() % 16 * row_stride(d) + gpu::lane() / 16 * 8;
}

template <int d, class T>
KVCOMPARE_DEVICE void copy_queries(const IntervalAttention<T>& task, const QueryTiles& tiles,
                                   const BlockTask<T>& block, T* rows) {
  constexpr int kPieces = d / 8;
  for (int i = gpu::thread(); i < kRows * kPieces; i += kThreads) {
    const int r = i / kPieces, c = i % kPieces * 8;
    const auto row = tiles.row(block.tile, block.part, r);
    const auto* q = task.q + row.query * task.q_stride + (block.group + row.head) * d + c;
    gpu::copy_async_16(rows + r * row_stride(d) + c, q, !row.is_padding);
  }
  gpu::copy_async_commit();
}

template <int d, class T>
KVCOMPARE_DEVICE void copy_keys(const IntervalAttention<T>& task, const BlockTask<T>& block,
                                const KeyLists<kStepKeys<d>>& lists, Shared<T, d>& shared, int stage) {
  constexpr int kPieces = d / 8;
  for (int i = gpu::thread(); i < kStepKeys<d> * kPieces; i += kThreads) {
    const int t = i / kPieces, c = i % kPieces * 8;
    const auto key = lists.key(t);
    const int to = t * row_stride(d) + c;
    gpu::copy_async_16(shared.keys(stage) + to, block.k + key.first * task.k_stride + c, !key.is_empty());
    gpu::copy_async_16(shared.values(stage) + to, block.v + key.first * task.v_stride + c, !key.is_empty());
  }
  gpu::copy_async_commit();
  if (gpu::thread() < kStepKeys<d>) shared.visible[stage][gpu::thread()] = lists.key(gpu::thread());
}

template <int d, int n, class T>
KVCOMPARE_DEVICE void multiply_keys(const Fragments<d>& rows, const T* keys, float (&scores)[n / 8][4]) {
  // The matrices (0, 0), (0, 8), (8, 0), (8, 8) of 16 keys x 16 channels.
  const auto* row = keys + (gpu::lane() / 16 * 8 + gpu::lane() % 8) * row_stride(d) + gpu::lane() / 8 % 2 * 8;
  for (int c = 0; c < d / 16; ++c)
    for (int t = 0; t < n / 16; ++t) {
      std::uint32_t k[4];
      gpu::load_matrices(k, row + 16 * (t * row_stride(d) + c));
      gpu::multiply_add<T>(scores[2 * t], rows.q[c], k[0], k[1]);
      gpu::multiply_add<T>(scores[2 * t + 1], rows.q[c], k[2], k[3]);
    }
}

// What a row does not see becomes -inf.
template <int n, class T>
KVCOMPARE_DEVICE void mask(const QueryTiles& tiles, const BlockTask<T>& block, const KeyInterval* visible,
                           float (&scores)[n / 8][4]) {
  const int row = 16 * gpu::warp() + gpu::lane() / 4;
  const int queries[2] = {tiles.row(block.tile, block.part, row).query,
                          tiles.row(block.tile, block.part, row + 8).query};
  for (int t = 0; t < n / 8; ++t)
    for (int i = 0; i < 4; ++i) {
      const auto key = visible[8 * t + 2 * (gpu::lane() % 4) + i % 2];
      if (!key.is_seen_by(queries[i / 2])) scores[t][i] = -INFINITY;
    }
}

// Scores become weights; what was summed up before is scaled to the new largest score.
template <int d, int n>
KVCOMPARE_DEVICE void weigh(float scale, Fragments<d>& rows, float (&scores)[n / 8][4]) {
  for (int half = 0; half < 2; ++half) {
    float largest = rows.largest[half];
    for (int t = 0; t < n / 8; ++t)
      largest = fmaxf(largest, fmaxf(scores[t][2 * half], scores[t][2 * half + 1]));
    largest = fmaxf(largest, gpu::shuffle_xor(largest, 1));
    largest = fmaxf(largest, gpu::shuffle_xor(largest, 2));
    const float reference = reference_of(largest) * scale;
    const float shrink = exp2f(rows.largest[half] * scale - reference);
    rows.largest[half] = largest;
    rows.sum[half] *= shrink;
    for (int c = 0; c < d / 8; ++c) {
      rows.out[c][2 * half] *= shrink;
      rows.out[c][2 * half + 1] *= shrink;
    }
    for (int t = 0; t < n / 8; ++t)
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        scores[t][i] = exp2f(fmaf(scores[t][i], scale, -reference));
        rows.sum[half] += scores[t][i];
      }
  }
}

template <int d, int n, class T>
KVCOMPARE_DEVICE void multiply_values(const float (&weights)[n / 8][4], const T* values, Fragments<d>& rows) {
  for (int t = 0; t < n / 16; ++t) {
    const auto &low = weights[2 * t], &high = weights[2 * t + 1];
    const std::uint32_t w[4] = {gpu::pack<T>(low[0], low[1]), gpu::pack<T>(low[2], low[3]),
                                gpu::pack<T>(high[0], high[1]), gpu::pack<T>(high[2], high[3])};
    for (int c = 0; c < d / 16; ++c) {
      std::uint32_t v[4];
      gpu::load_matrices_transposed(v, block_row<d>(values) + 16 * (t * row_stride(d) + c));
      gpu::multiply_add<T>(rows.out[2 * c], w, v[0], v[1]);
      gpu::multiply_add<T>(rows.out[2 * c + 1], w, v[2], v[3]);
    }
  }
}

template <int d, class T>
KVCOMPARE_DEVICE void write(const IntervalAttention<T>& task, const QueryTiles& tiles,
                            const BlockTask<T>& block, const Fragments<d>& rows) {
  for (int half = 0; half < 2; ++half) {
    float sum = rows.sum[half];
    sum += gpu::shuffle_xor(sum, 1);
    sum += gpu::shuffle_xor(sum, 2);
    const auto row = tiles.row(block.tile, block.part, 16 * gpu::warp() + gpu::lane() / 4 + 8 * half);
    if (row.is_padding) continue;
    auto* out = task.out + row.query * task.out_stride + (block.group + row.head) * d + 2 * (gpu::lane() % 4);
    for (int c = 0; c < d / 8; ++c)
      *reinterpret_cast<std::uint32_t*>(out + 8 * c) =
          gpu::pack<T>(rows.out[c][2 * half] / sum, rows.out[c][2 * half + 1] / sum);
  }
}

// scale: log2(e) / sqrt(d)
template <class T, int d>
KVCOMPARE_KERNEL void attention_by_matrices(IntervalAttention<T> task, QueryTiles tiles, float scale) {
  constexpr int n = kStepKeys<d>;
  auto& shared = *reinterpret_cast<Shared<T, d>*>(gpu::shared_memory());
  const auto block = task_of_block(task, tiles);
  copy_queries<d>(task, tiles, block, shared.rows);
  KeyLists<n> lists(shared.lists, block.until, block.tile);
  auto step = lists.next();
  gpu::copy_async_wait<0>();
  gpu::sync_block();
  Fragments<d> rows;
  for (int c = 0; c < d / 16; ++c)
    gpu::load_matrices(rows.q[c], block_row<d>(shared.rows) + 16 * (gpu::warp() * row_stride(d) + c));
  gpu::sync_block();  // the queries have been read, keys take their place
  copy_keys<d>(task, block, lists, shared, 0);
  for (int stage = 0; step.n_keys() > 0; stage ^= 1) {
    gpu::copy_async_wait<0>();
    gpu::sync_block();  // the step's keys are there, and those of the step before have been read
    const bool is_masked = step.n_whole < n;
    step = lists.next();
    if (step.n_keys() > 0) copy_keys<d>(task, block, lists, shared, stage ^ 1);
    float weights[n / 8][4] = {};
    multiply_keys<d, n>(rows, shared.keys(stage), weights);
    if (is_masked) mask<n>(tiles, block, shared.visible[stage], weights);
    weigh<d, n>(scale, rows, weights);
    multiply_values<d, n>(weights, shared.values(stage), rows);
  }
  write<d>(task, tiles, block, rows);
}

// ---- in float, for all else: a warp has four rows, a lane a key while scores are made and every 32nd
// channel while values are summed up

constexpr int kPlainRowsOfWarp = 4;
constexpr int kPlainRows = kPlainRowsOfWarp * kWarps;
constexpr int kPlainKeys = 32;

struct alignas(16) Four {
  float x[4];
};

template <int n_columns>
struct PlainShared {
  static constexpr int kWidth = 32 * n_columns;  // at least d_head; zeros behind it

  alignas(16) float q[kPlainRows][kWidth];
  alignas(16) float keys[kPlainKeys][kWidth + 4];  // or values
  alignas(16) float weights[kPlainRows][kPlainKeys];
  KeyListMemory<kPlainKeys> lists;
};

KVCOMPARE_DEVICE const Four& four_at(const float* x) { return *reinterpret_cast<const Four*>(x); }

// rows[t] = key t of the step out of x, the keys or the values of the KV head.
template <int n_columns, class T>
KVCOMPARE_DEVICE void load_step(const KeyLists<kPlainKeys>& lists, const T* x, std::int64_t stride, int d,
                                PlainShared<n_columns>& shared) {
  for (int t = gpu::warp(); t < kPlainKeys; t += kWarps) {
    const auto key = lists.key(t);
    for (int c = gpu::lane(); c < 32 * n_columns; c += 32)
      shared.keys[t][c] = c < d && !key.is_empty() ? static_cast<float>(x[key.first * stride + c]) : 0;
  }
}

// Of a warp's rows; out: before division by the sum.
template <int n_columns>
struct PlainRows {
  int query[kPlainRowsOfWarp];
  float out[kPlainRowsOfWarp][n_columns] = {};
  float largest[kPlainRowsOfWarp];
  float sum[kPlainRowsOfWarp] = {};  // of the lane's own keys
};

// The keys are in shared.keys; the weights of the lane's key go to shared.weights. scale: 1 / sqrt(d)
template <int n_columns>
KVCOMPARE_DEVICE void weigh_plainly(KeyInterval key, float scale, int d, PlainShared<n_columns>& shared,
                                    PlainRows<n_columns>& rows) {
  const int first_row = gpu::warp() * kPlainRowsOfWarp;
  float scores[kPlainRowsOfWarp] = {};
  for (int c = 0; c < d; c += 4) {
    const auto k = four_at(&shared.keys[gpu::lane()][c]);
    for (int r = 0; r < kPlainRowsOfWarp; ++r) {
      const auto q = four_at(&shared.q[first_row + r][c]);
      for (int i = 0; i < 4; ++i) scores[r] = fmaf(q.x[i], k.x[i], scores[r]);
    }
  }
  for (int r = 0; r < kPlainRowsOfWarp; ++r) {
    const float score = key.is_seen_by(rows.query[r]) ? scores[r] : -INFINITY;
    float largest = fmaxf(rows.largest[r], score);
    for (int lanes = 16; lanes > 0; lanes /= 2) largest = fmaxf(largest, gpu::shuffle_xor(largest, lanes));
    const float reference = reference_of(largest);
    const float shrink = expf((rows.largest[r] - reference) * scale);
    const float weight = expf((score - reference) * scale);
    rows.largest[r] = largest;
    rows.sum[r] = rows.sum[r] * shrink + weight;
    for (auto& out : rows.out[r]) out *= shrink;
    shared.weights[first_row + r][gpu::lane()] = weight;
  }
}

// The values are in shared.keys.
template <int n_columns>
KVCOMPARE_DEVICE void add_values(const PlainShared<n_columns>& shared, PlainRows<n_columns>& rows) {
  const int first_row = gpu::warp() * kPlainRowsOfWarp;
  for (int t = 0; t < kPlainKeys; t += 4)
    for (int r = 0; r < kPlainRowsOfWarp; ++r) {
      const auto weights = four_at(&shared.weights[first_row + r][t]);
      for (int i = 0; i < 4; ++i)
        for (int c = 0; c < n_columns; ++c)
          rows.out[r][c] = fmaf(weights.x[i], shared.keys[t + i][gpu::lane() + 32 * c], rows.out[r][c]);
    }
}

template <int n_columns, class T>
KVCOMPARE_DEVICE void load_queries(const IntervalAttention<T>& task, const QueryTiles& tiles,
                                   const BlockTask<T>& block, PlainShared<n_columns>& shared,
                                   PlainRows<n_columns>& rows) {
  const int d = static_cast<int>(task.d_head);
  for (int r = 0; r < kPlainRowsOfWarp; ++r) {
    const int index = gpu::warp() * kPlainRowsOfWarp + r;
    const auto row = tiles.row(block.tile, block.part, index);
    const auto* q = task.q + row.query * task.q_stride + (block.group + row.head) * d;
    for (int c = gpu::lane(); c < 32 * n_columns; c += 32)
      shared.q[index][c] = c < d && !row.is_padding ? static_cast<float>(q[c]) : 0;
    rows.query[r] = row.query;
    rows.largest[r] = -INFINITY;
  }
}

template <int n_columns, class T>
KVCOMPARE_DEVICE void write_plainly(const IntervalAttention<T>& task, const QueryTiles& tiles,
                                    const BlockTask<T>& block, const PlainRows<n_columns>& rows) {
  const int d = static_cast<int>(task.d_head);
  for (int r = 0; r < kPlainRowsOfWarp; ++r) {
    float sum = rows.sum[r];
    for (int lanes = 16; lanes > 0; lanes /= 2) sum += gpu::shuffle_xor(sum, lanes);
    const auto row = tiles.row(block.tile, block.part, gpu::warp() * kPlainRowsOfWarp + r);
    auto* out = task.out + row.query * task.out_stride + (block.group + row.head) * d;
    for (int column = 0; column < n_columns; ++column) {
      const int c = gpu::lane() + 32 * column;
      if (c < d && !row.is_padding) out[c] = static_cast<T>(rows.out[r][column] / sum);
    }
  }
}

template <class T, int n_columns>
KVCOMPARE_KERNEL void attention_in_float(IntervalAttention<T> task, QueryTiles tiles, float scale) {
  auto& shared = *reinterpret_cast<PlainShared<n_columns>*>(gpu::shared_memory());
  const auto block = task_of_block(task, tiles);
  const int d = static_cast<int>(task.d_head);
  PlainRows<n_columns> rows;
  load_queries(task, tiles, block, shared, rows);
  KeyLists<kPlainKeys> lists(shared.lists, block.until, block.tile);
  while (lists.next().n_keys() > 0) {
    load_step(lists, block.k, task.k_stride, d, shared);
    gpu::sync_block();
    weigh_plainly(lists.key(gpu::lane()), scale, d, shared, rows);
    gpu::sync_block();  // the keys have been read, values take their place
    load_step(lists, block.v, task.v_stride, d, shared);
    gpu::sync_block();
    add_values(shared, rows);
    gpu::sync_block();
  }
  write_plainly(task, tiles, block, rows);
}

// ---- launches

template <class T>
void launch(void (*kernel)(IntervalAttention<T>, QueryTiles, float), int n_rows, std::size_t shared_bytes,
            double scale, const IntervalAttention<T>& task, gpu::Stream stream) {
  const auto tiles =
      cut_queries(static_cast<int>(task.n_tokens), static_cast<int>(task.n_heads / task.n_kv_heads), n_rows);
  gpu::launch(kernel, {tiles.n_tiles(), task.n_kv_heads * tiles.n_parts}, kThreads, shared_bytes, stream,
              task, tiles, static_cast<float>(scale));
}

bool is_aligned(const void* first, std::int64_t stride, std::size_t element_bytes, std::size_t alignment) {
  return (reinterpret_cast<std::uintptr_t>(first) | static_cast<std::size_t>(stride) * element_bytes) %
             alignment ==
         0;
}

template <int d, class T>
void launch_by_matrices(const IntervalAttention<T>& task, gpu::Stream stream) {
  if (!is_aligned(task.q, task.q_stride, sizeof(T), 16) ||
      !is_aligned(task.k, task.k_stride, sizeof(T), 16) ||
      !is_aligned(task.v, task.v_stride, sizeof(T), 16) ||
      !is_aligned(task.out, task.out_stride, sizeof(T), 4))
    throw std::invalid_argument(
        "interval attention: rows of queries, keys and values have to be aligned to 16 bytes, those of the "
        "output "
        "to 4");
  const double scale = std::log2(std::exp(1.0)) / std::sqrt(static_cast<double>(d));
  launch(attention_by_matrices<T, d>, kRows, sizeof(Shared<T, d>), scale, task, stream);
}

template <int n_columns, class T>
void launch_in_float(const IntervalAttention<T>& task, gpu::Stream stream) {
  const double scale = 1 / std::sqrt(static_cast<double>(task.d_head));
  launch(attention_in_float<T, n_columns>, kPlainRows, sizeof(PlainShared<n_columns>), scale, task, stream);
}

}  // namespace

template <class T>
void interval_attention_kernel(const IntervalAttention<T>& task, gpu::Stream stream) {
  if (task.d_head < 1 || task.d_head > 256)
    throw std::invalid_argument("interval attention: a head size of " + std::to_string(task.d_head) +
                                "; 1 to 256 are supported");
  if (task.n_kv_heads < 1 || task.n_heads < 1 || task.n_heads % task.n_kv_heads != 0)
    throw std::invalid_argument("interval attention: " + std::to_string(task.n_heads) + " query heads over " +
                                std::to_string(task.n_kv_heads) + " KV heads");
  if constexpr (!std::is_same_v<T, float>) switch (task.d_head) {
      case 64:
        return launch_by_matrices<64>(task, stream);
      case 80:
        return launch_by_matrices<80>(task, stream);
      case 96:
        return launch_by_matrices<96>(task, stream);
      case 128:
        return launch_by_matrices<128>(task, stream);
      case 256:
        return launch_by_matrices<256>(task, stream);
      default:
        break;
    }
  if (task.d_head <= 32) return launch_in_float<1>(task, stream);
  if (task.d_head <= 128) return launch_in_float<4>(task, stream);
  launch_in_float<8>(task, stream);
}

template void interval_attention_kernel(const IntervalAttention<float>&, gpu::Stream);
template void interval_attention_kernel(const IntervalAttention<c10::Half>&, gpu::Stream);
template void interval_attention_kernel(const IntervalAttention<c10::BFloat16>&, gpu::Stream);

}  // namespace kvcompare
