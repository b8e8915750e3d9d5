// The warps of a block have two roles, as in FlashAttention-3 (arXiv 2407.08608, sections 3.1 and 3.2). The
// first warpgroup copies: it lists the keys that come next (key_lists.cuh) and brings them and their values
// into a ring of tiles in shared memory. The two others multiply, each for 64 rows of queries: one makes
// weights of scores while the other has the tensor cores, and scores of the next keys are under way with the
// values of the last.
#include <type_traits>

#include "worker/gpu/kernels/gpu_hopper.cuh"
#include "worker/gpu/kernels/interval_attention.cuh"
#include "worker/gpu/kernels/interval_attention_hopper_kernel.h"
#include "worker/gpu/kernels/key_lists.cuh"
#include "worker/gpu/kernels/matrix_descriptor.h"

namespace kvcompare {
namespace {

constexpr int kCopiers = 128;    // threads
constexpr int kMultipliers = 2;  // warpgroups
constexpr int kThreads = kCopiers + 128 * kMultipliers;
constexpr int kRows = 64 * kMultipliers;

// A thread has 168 of the 65536 registers when a block of 384 starts.
constexpr int kCopierRegisters = 56;
constexpr int kMultiplierRegisters = 224;

constexpr int kTurnBarrier = kListingBarrier + 1;  // of the first that multiply; the next, of the second

template <int d>
constexpr int kStepKeys = d <= 128 ? 128 : 64;

// Of the ring, in which keys and values take turns; as many as there is room for.
template <int d>
constexpr int kTiles = d <= 80 ? 8 : 4;

// n rows of d elements as wgmma reads them: cut into columns of as many bytes as a row of the swizzle has.
template <int d, int n>
struct TileLayout {
  static constexpr auto kSwizzle = d % 64 == 0   ? gpu::Swizzle::k128
                                   : d % 32 == 0 ? gpu::Swizzle::k64
                                                 : gpu::Swizzle::k32;
  static constexpr int kRowBytes = gpu::row_bytes(kSwizzle);
  static constexpr int kColumnBytes = n * kRowBytes;
  static constexpr int kBytes = 2 * n * d;
  static_assert(kBytes % 1024 == 0, "tiles follow each other in shared memory");

  // Of element c of a row.
  KVCOMPARE_DEVICE static constexpr int offset(int row, int c) {
    return 2 * c / kRowBytes * kColumnBytes + row * kRowBytes + 2 * c % kRowBytes;
  }
  // Of the tile's rows from there on, with c side by side (as k of a product), or with rows as k. The start
  // is the lowest field of a descriptor, in units of 16 bytes.
  KVCOMPARE_DEVICE static std::uint64_t matrix(std::uint32_t tile, int row, int c) {
    return gpu::matrix_descriptor(tile, kColumnBytes, 8 * kRowBytes, kSwizzle) +
           static_cast<std::uint64_t>(offset(row, c) / 16);
  }
};

template <class T, int d>
struct Shared {
  static constexpr int kKeys = kStepKeys<d>;

  alignas(1024) T queries[kRows * d];
  T tiles[kTiles<d>][kKeys * d];  // keys, their values, the next keys, ...
  KeyInterval visible[kTiles<d> / 2][kKeys];
  KeyStep steps[kTiles<d> / 2];  // an empty one ends the work
  KeyListMemory<kKeys, kCopiers> lists;
  gpu::Barrier full[kTiles<d>];
  gpu::Barrier empty[kTiles<d>];

  // Of the step whose keys are in the tile.
  KVCOMPARE_DEVICE KeyInterval* keys_of(int tile) { return visible[tile / 2 % (kTiles<d> / 2)]; }
  KVCOMPARE_DEVICE KeyStep& step_of(int tile) { return steps[tile / 2 % (kTiles<d> / 2)]; }
};

// ---- the warpgroup that copies

template <class T>
struct Row {
  const T* first;
  bool is_there;
};

// n rows of d elements, row r from source(r), into a tile: eight threads a row.
template <int d, int n, class T, class Source>
KVCOMPARE_DEVICE void copy_rows(T* tile, const Source& source) {
  using Layout = TileLayout<d, n>;
  constexpr int kRowsAtOnce = kCopiers / 8;
  static_assert(kRowsAtOnce % 8 == 0 && n % kRowsAtOnce == 0,
                "rows at once are whole patterns of the swizzle");
  auto* bytes = reinterpret_cast<std::byte*>(tile);
  const int first_row = gpu::thread() / 8, first_column = gpu::thread() % 8 * 8;
  for (int r = 0; r < n; r += kRowsAtOnce) {
    const Row<T> row = source(first_row + r);
    for (int column = 0; column < d; column += 64) {
      const int c = first_column + column;
      if (c >= d) break;
      const auto to = static_cast<std::uint32_t>(Layout::offset(first_row, c));
      gpu::copy_async_16(bytes + gpu::swizzled(to, Layout::kSwizzle) + r * Layout::kRowBytes, row.first + c,
                         row.is_there);
    }
  }
}

template <int d, class T>
KVCOMPARE_DEVICE void copy_queries(const IntervalAttention<T>& task, const QueryTiles& tiles,
                                   const BlockTask<T>& block, Shared<T, d>& shared) {
  copy_rows<d, kRows>(shared.queries, [&](int r) {
    const auto row = tiles.row(block.tile, block.part, r);
    return Row<T>{task.q + row.query * task.q_stride + (block.group + row.head) * d, !row.is_padding};
  });
}

// Fills tiles of the ring, one after the other. A tile is published, for others to read, when the copies for
// the next are under way, or if there is no room yet for these.
template <class T, int d>
class RingFiller {
 public:
  KVCOMPARE_DEVICE explicit RingFiller(Shared<T, d>& shared) : shared_(shared) {}

  KVCOMPARE_DEVICE int tile() const { return tile_; }  // the next to be filled

  KVCOMPARE_DEVICE void wait_for_room() {
    auto& empty = shared_.empty[tile_ % kTiles<d>];
    const int parity = (tile_ / kTiles<d> & 1) ^ 1;
    if (gpu::has_ended(empty, parity)) return;
    publish<0>();
    gpu::wait(empty, parity);
  }

  // With keys or with their values; `first` is that of position 0.
  KVCOMPARE_DEVICE void fill(const KeyInterval* keys, const T* first, std::int64_t stride) {
    copy_rows<d, kStepKeys<d>>(shared_.tiles[tile_ % kTiles<d>], [&](int t) {
      return Row<T>{first + keys[t].first * stride, !keys[t].is_empty()};
    });
    gpu::copy_async_commit();
    publish<1>();
    ++tile_;
  }

  // What is published last is a step without keys.
  KVCOMPARE_DEVICE void end() {
    publish<0>();
    wait_for_room();
    if (gpu::thread() == 0) shared_.step_of(tile_) = {};
    ++tile_;
    publish<0>();
  }

 private:
  // All tiles before tile_. Each thread says so for its own copies.
  template <int n_groups_under_way>
  KVCOMPARE_DEVICE void publish() {
    if (n_published_ == tile_) return;
    gpu::copy_async_wait<n_groups_under_way>();
    gpu::fence_copies();
    gpu::arrive(shared_.full[n_published_ % kTiles<d>]);
    ++n_published_;
  }

  Shared<T, d>& shared_;
  int tile_ = 0;
  int n_published_ = 0;
};

template <int d, class T>
KVCOMPARE_DEVICE void copy_all(const IntervalAttention<T>& task, const QueryTiles& tiles,
                               const BlockTask<T>& block, Shared<T, d>& shared) {
  constexpr int n = kStepKeys<d>;
  static_assert(n <= kCopiers);
  copy_queries(task, tiles, block, shared);  // they come with the first keys
  KeyLists<n, kCopiers> lists(shared.lists, block.until, block.tile);
  RingFiller<T, d> ring(shared);
  for (auto step = lists.next(); step.n_keys() > 0; step = lists.next()) {
    ring.wait_for_room();
    auto* keys = shared.keys_of(ring.tile());
    if (gpu::thread() < n) keys[gpu::thread()] = lists.key(gpu::thread());
    if (gpu::thread() == 0) shared.step_of(ring.tile()) = step;
    gpu::sync_threads(kListingBarrier, kCopiers);
    ring.fill(keys, block.k, task.k_stride);
    ring.wait_for_room();
    ring.fill(keys, block.v, task.v_stride);
  }
  ring.end();
}

// ---- those that multiply

// Who may issue products; begins with the first warpgroup. Has to be taken by both the same number of times.
class Turn {
 public:
  KVCOMPARE_DEVICE explicit Turn(int own) : own_(own) {
    if (own_ == 1) pass();
  }
  KVCOMPARE_DEVICE void wait() const { gpu::sync_threads(kTurnBarrier + own_, 128 * kMultipliers); }
  KVCOMPARE_DEVICE void pass() const { gpu::arrive(kTurnBarrier + 1 - own_, 128 * kMultipliers); }
  KVCOMPARE_DEVICE void pass_last() const {
    if (own_ == 0) pass();
  }

 private:
  const int own_;
};

// Tiles are published in their order: all before it are there, too.
template <class T, int d>
KVCOMPARE_DEVICE void wait_for_tile(Shared<T, d>& shared, int tile) {
  gpu::wait(shared.full[tile % kTiles<d>], tile / kTiles<d> & 1);
}

template <class T, int d>
KVCOMPARE_DEVICE void release(Shared<T, d>& shared, int tile) {
  gpu::sync_warp();
  if (gpu::lane() == 0) gpu::arrive(shared.empty[tile % kTiles<d>]);
}

// scores = queries of the warpgroup x keys
template <int d, class T, int n>
KVCOMPARE_DEVICE void multiply_keys(Shared<T, d>& shared, int warpgroup, int tile, float (&scores)[n][4]) {
  const auto queries = gpu::shared_address(shared.queries);
  const auto keys = gpu::shared_address(shared.tiles[tile % kTiles<d>]);
  for (int c = 0; c < d; c += 16)
    gpu::multiply_async<T>(scores, TileLayout<d, kRows>::matrix(queries, 64 * warpgroup, c),
                           TileLayout<d, 8 * n>::matrix(keys, 0, c), c > 0);
  gpu::commit_products();
}

// out += weights x values
template <int d, class T, int n>
KVCOMPARE_DEVICE void multiply_values(Shared<T, d>& shared, int tile, const std::uint32_t (&weights)[n][4],
                                      float (&out)[d / 8][4]) {
  const auto values = gpu::shared_address(shared.tiles[tile % kTiles<d>]);
  for (int t = 0; t < n; ++t)
    gpu::multiply_add_async<T>(out, weights[t], TileLayout<d, 16 * n>::matrix(values, 16 * t, 0));
  gpu::commit_products();
}

// Scores that have arrived become weights; the tile of their keys is read no more.
template <int d, class T, int n>
KVCOMPARE_DEVICE void weigh_step(const IntervalAttention<T>& task, const RowQueries& queries, float scale,
                                 Shared<T, d>& shared, int tile, RowSums& sums, float (&scores)[n][4],
                                 float (&shrink)[2]) {
  cap_scores(task, scores);
  if (shared.step_of(tile).n_whole < 8 * n) mask(queries, shared.keys_of(tile), scores);
  release(shared, tile);
  weigh(scale, sums, scores, shrink);
}

template <class T, int n>
KVCOMPARE_DEVICE void pack_step(const float (&scores)[2 * n][4], std::uint32_t (&weights)[n][4]) {
  for (int t = 0; t < n; ++t) pack_weights<T>(weights[t], scores[2 * t], scores[2 * t + 1]);
}

template <int d, class T>
KVCOMPARE_DEVICE void multiply_all(const IntervalAttention<T>& task, const QueryTiles& tiles,
                                   const BlockTask<T>& block, float scale, Shared<T, d>& shared) {
  constexpr int n = kStepKeys<d>;
  const int warpgroup = gpu::warpgroup() - 1;
  const int first_row = 64 * warpgroup + 16 * (gpu::warp() % 4);
  const Turn turn(warpgroup);
  const auto queries = queries_of_lane(tiles, block, first_row);
  RowSums sums = first_sums(task, tiles, block, first_row);
  float scores[n / 8][4], out[d / 8][4] = {}, shrink[2];
  std::uint32_t weights[n / 16][4];
  wait_for_tile(shared, 0);
  turn.wait();
  gpu::begin_products(scores);
  multiply_keys<d>(shared, warpgroup, 0, scores);
  turn.pass();
  gpu::wait_products<0>(scores);
  weigh_step<d>(task, queries, scale, shared, 0, sums, scores, shrink);
  pack_step<T>(scores, weights);
  int tile = 2;
  for (wait_for_tile(shared, tile); shared.step_of(tile).n_keys() > 0;
       tile += 2, wait_for_tile(shared, tile)) {
    turn.wait();
    gpu::begin_products(scores, out, weights);
    multiply_keys<d>(shared, warpgroup, tile, scores);
    multiply_values<d>(shared, tile - 1, weights, out);
    turn.pass();
    gpu::wait_products<1>(scores);
    weigh_step<d>(task, queries, scale, shared, tile, sums, scores, shrink);
    gpu::wait_products<0>(out, weights);
    release(shared, tile - 1);
    scale_rows(out, shrink);
    pack_step<T>(scores, weights);
  }
  turn.wait();
  gpu::begin_products(out, weights);
  multiply_values<d>(shared, tile - 1, weights, out);
  turn.pass_last();
  gpu::wait_products<0>(out, weights);
  write(task, tiles, block, first_row, sums, out);
}

// ---- the kernel. scale: scale_of_scores()

template <class T, int d>
KVCOMPARE_KERNEL_OF(kThreads)
void attention_by_warpgroups(IntervalAttention<T> task, QueryTiles tiles, float scale) {
  auto& shared = *reinterpret_cast<Shared<T, d>*>(gpu::shared_memory());
  const auto block = task_of_block(task, tiles);
  if (gpu::thread() < kTiles<d>) {
    gpu::start_barrier(shared.full[gpu::thread()], kCopiers);
    gpu::start_barrier(shared.empty[gpu::thread()], 4 * kMultipliers);
  }
  gpu::sync_block();
  if (gpu::warpgroup() == 0) {
    gpu::give_registers<kCopierRegisters>();
    copy_all<d>(task, tiles, block, shared);
  } else {
    gpu::take_registers<kMultiplierRegisters>();
    multiply_all<d>(task, tiles, block, scale, shared);
  }
}

template <int d, class T>
void launch(const IntervalAttention<T>& task, gpu::Stream stream) {
  launch_on_tiles(attention_by_warpgroups<T, d>, kRows, kThreads, sizeof(Shared<T, d>),
                  scale_of_scores(task.scale), task, stream);
}

}  // namespace

template <class T>
void interval_attention_hopper_kernel(const IntervalAttention<T>& task, gpu::Stream stream) {
  switch (task.d_head) {
    case 64:
      return launch<64>(task, stream);
    case 80:
      return launch<80>(task, stream);
    case 96:
      return launch<96>(task, stream);
    case 128:
      return launch<128>(task, stream);
    default:
      return launch<256>(task, stream);
  }
}

template void interval_attention_hopper_kernel(const IntervalAttention<c10::Half>&, gpu::Stream);
template void interval_attention_hopper_kernel(const IntervalAttention<c10::BFloat16>&, gpu::Stream);

}  // namespace kvcompare
