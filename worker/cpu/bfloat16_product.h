// Rows of activations, rounded to bfloat16, times a weight matrix of bfloat16, on one thread, by vdpbf16ps
// (AVX512-BF16): two products of a pair of numbers each are added to a float32. Nothing is rounded to 16 bits
// afterwards. The order of the sums is that of matrix_product.h, pair by pair, so an element of the result
// has the same bits whatever other rows are computed in the same call. The instruction takes subnormal
// numbers as 0.
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

#include "worker/cpu/aligned_vector.h"
#include "worker/cpu/matrix_product.h"

namespace kvcompare {

// What one thread needs for a product; kept from product to product.
struct PairScratch {
  AlignedVector<std::uint32_t> x;      // [n_rows, ceil(n_in / 2)] pairs of bfloat16
  AlignedVector<std::uint32_t> block;  // a block with fewer columns than a panel
};

// product.weights: in paired panels. Only on a processor with avx512_bf16 in /proc/cpuinfo.
void multiply(const MatrixProduct<float, c10::BFloat16>& product, ProductGoes where, PairScratch& scratch);

}  // namespace kvcompare
