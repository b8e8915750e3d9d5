// For x86-64.
#include <algorithm>

#include <immintrin.h>

#include "common/size.h"
#include "worker/cpu/bfloat16_pairs_x86.h"
#include "worker/cpu/bfloat16_product.h"
#include "worker/cpu/weight_panels.h"

namespace kvcompare {
namespace {

// Rows of pairs times one block.
struct BlockProduct {
  std::size_t n_rows, n_pairs, n_columns;
  const std::uint32_t* x;
  std::size_t x_stride;
  const std::uint32_t* block;  // [n_pairs, kPanelColumns]; what stands behind n_columns is ignored
  float* out;
  std::size_t out_stride;
  bool is_added;
};

KVCOMPARE_BEGIN_AVX512_BF16

constexpr std::size_t kRows = 6;  // with kVectors vectors of columns: 24 of 32 registers are sums
constexpr std::size_t kVectors = static_cast<std::size_t>(kPanelColumns) / kPairLanes;

// Rows row ... row + kR - 1 with all columns. Not inlined, so that the loop gets all registers.
template <std::size_t kR>
HWY_NOINLINE void multiply_tile(const BlockProduct& p, std::size_t row) {
  const std::uint32_t* x[kR];
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kR; ++r) x[r] = p.x + (row + r) * p.x_stride;
  __m512 sum[kR][kVectors];
  HWY_UNROLL(8)
  for (std::size_t r = 0; r < kR; ++r) HWY_UNROLL(8)
  for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = _mm512_setzero_ps();
  const auto* weights = p.block;
  const auto n_pairs = p.n_pairs;
  for (std::size_t k = 0; k < n_pairs; ++k, weights += kPanelColumns) {
    __m512i w[kVectors];
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kVectors; ++v) w[v] = _mm512_loadu_si512(weights + v * kPairLanes);
    HWY_UNROLL(8)
    for (std::size_t r = 0; r < kR; ++r) {
      const auto y = _mm512_set1_epi32(static_cast<int>(x[r][k]));
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = add_products(sum[r][v], w[v], y);
    }
  }
  for (std::size_t v = 0; v < kVectors && v * kPairLanes < p.n_columns; ++v) {
    const auto inside = first_lanes(p.n_columns - v * kPairLanes);
    HWY_UNROLL(8)
    for (std::size_t r = 0; r < kR; ++r) {
      float* out = p.out + (row + r) * p.out_stride + v * kPairLanes;
      const auto before = p.is_added ? _mm512_maskz_loadu_ps(inside, out) : _mm512_setzero_ps();
      _mm512_mask_storeu_ps(out, inside, _mm512_add_ps(before, sum[r][v]));
    }
  }
}

template <std::size_t kR>
void multiply_rows(const BlockProduct& p, std::size_t row, std::size_t n_rows) {
  if (n_rows == kR) return multiply_tile<kR>(p, row);
  if constexpr (kR > 1) multiply_rows<kR - 1>(p, row, n_rows);
}

// All rows, in tiles that differ by one row at most.
void multiply_block(const BlockProduct& p) {
  const auto n_tiles = (p.n_rows + kRows - 1) / kRows;
  for (std::size_t t = 0; t < n_tiles; ++t) {
    const auto begin = p.n_rows * t / n_tiles, end = p.n_rows * (t + 1) / n_tiles;
    multiply_rows<kRows>(p, begin, end - begin);
  }
}

KVCOMPARE_END_AVX512_BF16

// A block with kPanelColumns columns: the block itself, or a copy in the scratch.
const std::uint32_t* whole(const PanelBlock<std::uint32_t>& block, PairScratch& scratch) {
  if (block.n_columns == kPanelColumns) return block.numbers;
  scratch.block.resize(size(kBlockRows * kPanelColumns));
  for (std::int64_t r = 0; r < block.n_rows; ++r)
    std::copy_n(block.numbers + r * block.n_columns, block.n_columns,
                scratch.block.data() + r * kPanelColumns);
  return scratch.block.data();
}

}  // namespace

void multiply(const MatrixProduct<float, c10::BFloat16>& p, ProductGoes where, PairScratch& scratch) {
  const auto n_pairs = (p.n_in + 1) / 2;
  scratch.x.resize(std::max(scratch.x.size(), size(p.n_rows * n_pairs)));
  for (std::int64_t r = 0; r < p.n_rows; ++r)
    round_row(p.x + r * p.n_in, size(p.n_in), 1, scratch.x.data() + r * n_pairs);
  const auto* weights = reinterpret_cast<const std::uint32_t*>(p.weights);
  for_each_block(weights, n_pairs, p.n_out, [&](const PanelBlock<std::uint32_t>& block) {
    multiply_block({.n_rows = size(p.n_rows),
                    .n_pairs = size(block.n_rows),
                    .n_columns = size(block.n_columns),
                    .x = scratch.x.data() + block.row,
                    .x_stride = size(n_pairs),
                    .block = whole(block, scratch),
                    .out = p.out + block.column,
                    .out_stride = size(p.n_out),
                    .is_added = where == ProductGoes::kOntoOut || block.row > 0});
  });
}

}  // namespace kvcompare
