#include "worker/cpu/matrix_product.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "common/size.h"
#include "worker/cpu/weight_panels.h"

// Their vectors cannot be members of arrays.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/cpu/matrix_product.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>

#include "presses/simd-inl.h"
// clang-format on

#ifndef KVCOMPARE_WORKER_CPU_MATRIX_PRODUCT_BLOCK
#define KVCOMPARE_WORKER_CPU_MATRIX_PRODUCT_BLOCK
namespace kvcompare {

// Rows of activations times one block.
template <class T>
struct BlockProduct {
  std::size_t n_rows, n_in, n_columns;
  const T* x;
  std::size_t x_stride;
  const T* block;  // [n_in, kPanelColumns]; what stands behind n_columns is ignored
  T* out;
  std::size_t out_stride;
  bool is_added;
  // What is multiplied with next. It is fetched into the cache meanwhile, some lines by each tile.
  std::span<const std::byte> next;
};

// The lines of `next` that a tile fetches: one for each row of its block.
struct LinesAhead {
  const std::byte* line;
  std::size_t step;  // 0: all have been fetched; the tile asks for the same line again, which costs nothing
};

inline constexpr std::size_t kCacheLine = 64;

}  // namespace kvcompare
#endif

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {

// Sums that one pass keeps in registers: kRows rows, kVectors vectors of columns.
constexpr std::size_t kRows = 6;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SSE2
constexpr std::size_t kVectors = 2;  // of 16 registers
#else
constexpr std::size_t kVectors = 4;  // of 32
#endif

template <class T>
void put(const BlockProduct<T>& p, std::size_t row, std::size_t column, hn::Vec<hn::ScalableTag<T>> sum) {
  const hn::ScalableTag<T> d;
  T* out = p.out + row * p.out_stride + column;
  const auto onto = [&](auto lanes) {
    store(p.is_added ? hn::Add(load(lanes, d, out), sum) : sum, lanes, d, out);
  };
  if (column + hn::Lanes(d) <= p.n_columns)
    onto(AllLanes());
  else if (column < p.n_columns)
    onto(FirstLanes{p.n_columns - column});
}

// Rows row ... row + kR - 1 with kN vectors of columns from `column` on. Not inlined, so that the loop gets
// all registers.
template <std::size_t kR, std::size_t kN, class T>
HWY_NOINLINE void multiply_tile(const BlockProduct<T>& p, std::size_t row, std::size_t column,
                                LinesAhead ahead) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = hn::Lanes(d);
  const T* x[kR];
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kR; ++r) x[r] = p.x + (row + r) * p.x_stride;
  V sum[kR][kN];
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kR; ++r) HWY_UNROLL(8)
  for (std::size_t v = 0; v < kN; ++v) sum[r][v] = hn::Zero(d);
  const T* weights = p.block + column;
  const auto n_in = p.n_in;
  for (std::size_t k = 0; k < n_in; ++k, weights += kPanelColumns, ahead.line += ahead.step) {
    __builtin_prefetch(ahead.line, 0, 2);  // into the second-level cache
    V w[kN];
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) w[v] = hn::LoadU(d, weights + v * lanes);
    HWY_UNROLL(8)
    for (std::size_t r = 0; r < kR; ++r) {
      const auto y = hn::Set(d, x[r][k]);
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kN; ++v) sum[r][v] = hn::MulAdd(w[v], y, sum[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kR; ++r) HWY_UNROLL(8)
  for (std::size_t v = 0; v < kN; ++v) put(p, row + r, column + v * lanes, sum[r][v]);
}

template <std::size_t kR, std::size_t kN, class T>
void multiply_rows(const BlockProduct<T>& p, std::size_t row, std::size_t n_rows, std::size_t column,
                   LinesAhead ahead) {
  if (n_rows == kR) return multiply_tile<kR, kN>(p, row, column, ahead);
  if constexpr (kR > 1) multiply_rows<kR - 1, kN>(p, row, n_rows, column, ahead);
}

// For tile number `tile` of the block.
template <class T>
LinesAhead lines_ahead(const BlockProduct<T>& p, std::size_t tile) {
  const auto n_bytes = p.n_in * kCacheLine, begin = tile * n_bytes;
  if (begin + n_bytes > p.next.size()) return {reinterpret_cast<const std::byte*>(p.block), 0};
  return {p.next.data() + begin, kCacheLine};
}

// All rows, in tiles that differ by one row at most.
template <std::size_t kN, class T>
void multiply_columns(const BlockProduct<T>& p, std::size_t column) {
  const auto n_tiles = (p.n_rows + kRows - 1) / kRows;
  const auto n_before = column / (kN * hn::Lanes(hn::ScalableTag<T>())) * n_tiles;
  for (std::size_t t = 0; t < n_tiles; ++t) {
    const auto begin = p.n_rows * t / n_tiles, end = p.n_rows * (t + 1) / n_tiles;
    multiply_rows<kRows, kN>(p, begin, end - begin, column, lines_ahead(p, n_before + t));
  }
}

template <class T>
void multiply_block(const BlockProduct<T>& p) {
  const auto lanes = hn::Lanes(hn::ScalableTag<T>());
  std::size_t column = 0;
  for (; column + (kVectors - 1) * lanes < p.n_columns; column += kVectors * lanes)
    multiply_columns<kVectors>(p, column);
  for (; column < p.n_columns; column += lanes) multiply_columns<1>(p, column);
}

template <class Narrow>
void widen(const Narrow* narrow, std::size_t n, float* wide) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<Narrow, decltype(d)> d16;
  const auto lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::PromoteTo(d, hn::LoadU(d16, narrow + i)), d, wide + i);
  if (i == n) return;
  HWY_ALIGN Narrow last[HWY_MAX_BYTES / sizeof(float)] = {};
  for (std::size_t j = i; j < n; ++j) last[j - i] = narrow[j];
  HWY_ALIGN float widened[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(hn::PromoteTo(d, hn::Load(d16, last)), d, widened);
  for (std::size_t j = i; j < n; ++j) wide[j] = widened[j - i];
}

// Highway exports plain functions.
void block_float(const BlockProduct<float>& p) { multiply_block(p); }
void block_double(const BlockProduct<double>& p) { multiply_block(p); }
void widen_bfloat16(const hwy::bfloat16_t* narrow, std::size_t n, float* wide) { widen(narrow, n, wide); }
void widen_float16(const hwy::float16_t* narrow, std::size_t n, float* wide) { widen(narrow, n, wide); }

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(block_float);
HWY_EXPORT(block_double);
HWY_EXPORT(widen_bfloat16);
HWY_EXPORT(widen_float16);

namespace {

void multiply(const BlockProduct<float>& p) { HWY_DYNAMIC_DISPATCH(block_float)(p); }
void multiply(const BlockProduct<double>& p) { HWY_DYNAMIC_DISPATCH(block_double)(p); }

template <class T>
void read(const T* numbers, std::size_t n, T* out) {
  std::copy_n(numbers, n, out);
}
void read(const c10::BFloat16* numbers, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(widen_bfloat16)(reinterpret_cast<const hwy::bfloat16_t*>(numbers), n, out);
}
void read(const c10::Half* numbers, std::size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(widen_float16)(reinterpret_cast<const hwy::float16_t*>(numbers), n, out);
}

// A block of T with kPanelColumns columns: the block itself, or a copy in the scratch.
template <class T, class Weight>
const T* as_inner_loop_reads(const PanelBlock<Weight>& block, BlockScratch<T>& scratch) {
  const bool is_whole = block.n_columns == kPanelColumns;
  if constexpr (std::is_same_v<T, Weight>)
    if (is_whole) return block.numbers;
  scratch.resize(size(kBlockRows * kPanelColumns));
  if (is_whole) {
    read(block.numbers, size(block.n_rows * kPanelColumns), scratch.data());
  } else {
    for (std::int64_t r = 0; r < block.n_rows; ++r)
      read(block.numbers + r * block.n_columns, size(block.n_columns), scratch.data() + r * kPanelColumns);
  }
  return scratch.data();
}

template <class T, class Weight>
void multiply_by_blocks(const MatrixProduct<T, Weight>& p, ProductGoes where, BlockScratch<T>& scratch) {
  for_each_block(p.weights, p.n_in, p.n_out, [&](const PanelBlock<Weight>& block) {
    multiply(BlockProduct<T>{.n_rows = size(p.n_rows),
                             .n_in = size(block.n_rows),
                             .n_columns = size(block.n_columns),
                             .x = p.x + block.row,
                             .x_stride = size(p.n_in),
                             .block = as_inner_loop_reads<T>(block, scratch),
                             .out = p.out + block.column,
                             .out_stride = size(p.n_out),
                             .is_added = where == ProductGoes::kOntoOut || block.row > 0,
                             .next = std::as_bytes(block.next())});
  });
}

}  // namespace

void multiply(const MatrixProduct<float>& product, ProductGoes where, BlockScratch<float>& scratch) {
  multiply_by_blocks(product, where, scratch);
}
void multiply(const MatrixProduct<double>& product, ProductGoes where, BlockScratch<double>& scratch) {
  multiply_by_blocks(product, where, scratch);
}
void multiply(const MatrixProduct<float, c10::BFloat16>& product, ProductGoes where,
              BlockScratch<float>& scratch) {
  multiply_by_blocks(product, where, scratch);
}
void multiply(const MatrixProduct<float, c10::Half>& product, ProductGoes where,
              BlockScratch<float>& scratch) {
  multiply_by_blocks(product, where, scratch);
}

}  // namespace kvcompare
#endif
