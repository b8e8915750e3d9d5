// Tiles of queries x steps of keys as in FlashAttention-2 (arXiv 2307.08691), over the keys that
// key_lists.cuh gathers.
#include <cmath>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "worker/gpu/kernels/gpu.cuh"
#include "worker/gpu/kernels/interval_attention.cuh"
#include "worker/gpu/kernels/interval_attention_hopper_kernel.h"
#include "worker/gpu/kernels/interval_attention_kernel.h"
#include "worker/gpu/kernels/key_lists.cuh"
#include "worker/gpu/kernels/key_tiles.h"

namespace kvcompare {
namespace {

constexpr int kThreads = kListingThreads;
constexpr int kWarps = kThreads / 32;

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

// Sixteen rows of queries, which a warp has, as fragments (gpu.cuh).
template <int d>
struct Fragments {
  std::uint32_t q[d / 16][4];
  float out[d / 8][4] = {};  // before division by the sum
  RowSums sums;
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

template <int d, int n, class T>
KVCOMPARE_DEVICE void multiply_values(const float (&weights)[n / 8][4], const T* values, Fragments<d>& rows) {
  for (int t = 0; t < n / 16; ++t) {
    std::uint32_t w[4];
    pack_weights<T>(w, weights[2 * t], weights[2 * t + 1]);
    for (int c = 0; c < d / 16; ++c) {
      std::uint32_t v[4];
      gpu::load_matrices_transposed(v, block_row<d>(values) + 16 * (t * row_stride(d) + c));
      gpu::multiply_add<T>(rows.out[2 * c], w, v[0], v[1]);
      gpu::multiply_add<T>(rows.out[2 * c + 1], w, v[2], v[3]);
    }
  }
}

// scale: scale_of_scores()
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
  const int first_row = 16 * gpu::warp();
  Fragments<d> rows;
  for (int c = 0; c < d / 16; ++c)
    gpu::load_matrices(rows.q[c], block_row<d>(shared.rows) + first_row * row_stride(d) + 16 * c);
  rows.sums = first_sums(task, tiles, block, first_row);
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
    cap_scores(task, weights);
    if (is_masked) mask(queries_of_lane(tiles, block, first_row), shared.visible[stage], weights);
    float shrink[2];
    weigh(scale, rows.sums, weights, shrink);
    scale_rows(rows.out, shrink);
    multiply_values<d, n>(weights, shared.values(stage), rows);
  }
  write(task, tiles, block, first_row, rows.sums, rows.out);
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

// The keys are in shared.keys; the weights of the lane's key go to shared.weights. scale:
// IntervalAttention::scale
template <int n_columns, class T>
KVCOMPARE_DEVICE void weigh_plainly(const IntervalAttention<T>& task, KeyInterval key, float scale,
                                    PlainShared<n_columns>& shared, PlainRows<n_columns>& rows) {
  const int d = static_cast<int>(task.d_head);
  const int first_row = gpu::warp() * kPlainRowsOfWarp;
  float scores[kPlainRowsOfWarp] = {};
  for (int c = 0; c < d; c += 4) {
    const auto k = four_at(&shared.keys[gpu::lane()][c]);
    for (int r = 0; r < kPlainRowsOfWarp; ++r) {
      const auto q = four_at(&shared.q[first_row + r][c]);
      for (int i = 0; i < 4; ++i) scores[r] = fmaf(q.x[i], k.x[i], scores[r]);
    }
  }
  const auto most = static_cast<float>(task.cap / task.scale),
             least = static_cast<float>(task.scale / task.cap);
  for (int r = 0; r < kPlainRowsOfWarp; ++r) {
    if (task.cap != 0) scores[r] = most * tanhf(scores[r] * least);
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
    if (task.sinks && !row.is_padding) {  // with the first lane
      rows.largest[r] = task.sinks[block.group + row.head] / static_cast<float>(task.scale);
      rows.sum[r] = gpu::lane() == 0 ? 1 : 0;
    }
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
    weigh_plainly(task, lists.key(gpu::lane()), scale, shared, rows);
    gpu::sync_block();  // the keys have been read, values take their place
    load_step(lists, block.v, task.v_stride, d, shared);
    gpu::sync_block();
    add_values(shared, rows);
    gpu::sync_block();
  }
  write_plainly(task, tiles, block, rows);
}

// ---- launches

bool is_aligned(const void* first, std::int64_t stride, std::size_t element_bytes, std::size_t alignment) {
  return (reinterpret_cast<std::uintptr_t>(first) | static_cast<std::size_t>(stride) * element_bytes) %
             alignment ==
         0;
}

template <class T>
void check_aligned(const IntervalAttention<T>& task) {
  if (!is_aligned(task.q, task.q_stride, sizeof(T), 16) ||
      !is_aligned(task.k, task.k_stride, sizeof(T), 16) ||
      !is_aligned(task.v, task.v_stride, sizeof(T), 16) ||
      !is_aligned(task.out, task.out_stride, sizeof(T), 4))
    throw std::invalid_argument(
        "interval attention: rows of queries, keys and values have to be aligned to 16 bytes, those of the "
        "output to 4");
}

template <int d, class T>
void launch_by_matrices(const IntervalAttention<T>& task, gpu::Stream stream, MatrixInstruction instruction) {
  check_aligned(task);
  if (uses_wgmma(instruction)) return interval_attention_hopper_kernel(task, stream);
  launch_on_tiles(attention_by_matrices<T, d>, kRows, kThreads, sizeof(Shared<T, d>),
                  scale_of_scores(task.scale), task, stream);
}

template <int n_columns, class T>
void launch_in_float(const IntervalAttention<T>& task, gpu::Stream stream) {
  launch_on_tiles(attention_in_float<T, n_columns>, kPlainRows, kThreads, sizeof(PlainShared<n_columns>),
                  task.scale, task, stream);
}

}  // namespace

bool has_matrix_kernel(std::int64_t d_head) {
  return d_head == 64 || d_head == 80 || d_head == 96 || d_head == 128 || d_head == 256;
}

bool uses_wgmma(MatrixInstruction instruction) {
  return instruction == MatrixInstruction::kBest && gpu::compute_capability() == 90;
}

template <class T>
void interval_attention_kernel(const IntervalAttention<T>& task, gpu::Stream stream,
                               MatrixInstruction instruction) {
  if (task.d_head < 1 || task.d_head > 256)
    throw std::invalid_argument("interval attention: a head size of " + std::to_string(task.d_head) +
                                "; 1 to 256 are supported");
  if (task.n_kv_heads < 1 || task.n_heads < 1 || task.n_heads % task.n_kv_heads != 0)
    throw std::invalid_argument("interval attention: " + std::to_string(task.n_heads) + " query heads over " +
                                std::to_string(task.n_kv_heads) + " KV heads");
  if constexpr (!std::is_same_v<T, float>) switch (task.d_head) {  // has_matrix_kernel
      case 64:
        return launch_by_matrices<64>(task, stream, instruction);
      case 80:
        return launch_by_matrices<80>(task, stream, instruction);
      case 96:
        return launch_by_matrices<96>(task, stream, instruction);
      case 128:
        return launch_by_matrices<128>(task, stream, instruction);
      case 256:
        return launch_by_matrices<256>(task, stream, instruction);
      default:
        break;
    }
  if (task.d_head <= 32) return launch_in_float<1>(task, stream);
  if (task.d_head <= 128) return launch_in_float<4>(task, stream);
  launch_in_float<8>(task, stream);
}

template void interval_attention_kernel(const IntervalAttention<float>&, gpu::Stream, MatrixInstruction);
template void interval_attention_kernel(const IntervalAttention<c10::Half>&, gpu::Stream, MatrixInstruction);
template void interval_attention_kernel(const IntervalAttention<c10::BFloat16>&, gpu::Stream,
                                        MatrixInstruction);

}  // namespace kvcompare
