// Pairs of bfloat16, as vdpbf16ps takes them, on x86-64: 32 bits of which the lower 16 are the first number.
// To be included in files whose functions are compiled for AVX512-BF16 between the two macros.
#pragma once

#include <cstddef>
#include <cstdint>

#include <hwy/base.h>
#include <immintrin.h>

#define KVCOMPARE_BEGIN_AVX512_BF16 HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
#define KVCOMPARE_END_AVX512_BF16 HWY_POP_ATTRIBUTES

KVCOMPARE_BEGIN_AVX512_BF16
namespace kvcompare {

inline constexpr std::size_t kPairLanes = 16;  // of a vector

// The lanes that are left, if the array goes on for n numbers.
HWY_INLINE __mmask16 first_lanes(std::size_t n) {
  return static_cast<__mmask16>(n >= kPairLanes ? 0xffff : (1u << n) - 1);
}

// Pair i: first[i], second[i], rounded to nearest.
HWY_INLINE __m512i pairs_of(__m512 first, __m512 second) {
  const auto order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                      6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
}

// sum[i] + first * first + second * second of pair i of a and b.
HWY_INLINE __m512 add_products(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

// A row of n numbers times `scale`: neighbours become pairs. A 0 follows if n is odd. pairs: [ceil(n / 2)].
inline void round_row(const float* x, std::size_t n, float scale, std::uint32_t* pairs) {
  auto* out = reinterpret_cast<std::uint16_t*>(pairs);
  for (std::size_t i = 0; i < n; i += kPairLanes) {
    const auto inside = first_lanes(n - i), stored = first_lanes((n - i + 1) / 2 * 2);
    const auto scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(inside, x + i), _mm512_set1_ps(scale));
    _mm256_mask_storeu_epi16(out + i, stored, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(scaled)));
  }
}

}  // namespace kvcompare
KVCOMPARE_END_AVX512_BF16
