// For x86-64. A vector holds one number of 16 queries, as in interval_attention_tile.cpp.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <immintrin.h>

#include "worker/cpu/bfloat16_pairs_x86.h"
#include "worker/cpu/interval_attention_bfloat16.h"

namespace kvcompare {
namespace {

KVCOMPARE_BEGIN_AVX512_BF16

constexpr std::size_t kBlockPairs = 32;  // pairs of keys whose weights and values stay in the first cache
constexpr std::size_t kVectors = 4;      // of queries, computed together
constexpr std::size_t kKeys = 6;         // keys whose logits are computed together
constexpr std::size_t kChannels = 6;     // channels of the output that are computed together

// exp(v) for v <= 0 to about 1e-6, NaN for NaN, and 0 where the result would soon be subnormal.
HWY_INLINE __m512 exp_of_difference(__m512 v) {
  const auto least = _mm512_set1_ps(-85);
  const auto not_tiny = _mm512_cmp_ps_mask(v, least, _CMP_NLT_UQ);
  // 2^t = 2^whole * 2^rest, |rest| <= 1/2. The maximum keeps a NaN because it is the second operand.
  const auto t = _mm512_mul_ps(_mm512_max_ps(least, v), _mm512_set1_ps(1.44269504f));
  const auto whole = _mm512_maskz_roundscale_ps(0xffff, t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const auto rest = _mm512_sub_ps(t, whole);
  // The first terms of exp(rest * log(2)).
  auto sum = _mm512_set1_ps(1.5403530e-4f);
  for (const float coefficient :
       {1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.f})
    sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(coefficient));
  return _mm512_maskz_scalef_ps(not_tiny, sum, whole);
}

class Tile {
 public:
  Tile(const AttentionHeads<float>& heads, std::int64_t kv_head, std::int64_t first_query,
       Bfloat16AttentionScratch& scratch)
      : heads_(heads),
        kv_head_(kv_head),
        first_query_(first_query),
        n_queries_(std::min(n_queries_in_tile(heads.group()), heads.n_tokens - first_query)),
        rows_of_head_(static_cast<std::size_t>(n_queries_in_tile(heads.group()))),
        n_rows_(rows_of_head_ * static_cast<std::size_t>(heads.group())),
        d_head_(static_cast<std::size_t>(heads.d_head)),
        k_(heads.k + kv_head * heads.n_tokens * heads.d_head),
        v_(heads.v + kv_head * heads.n_tokens * heads.d_head),
        until_(heads.until + kv_head * heads.n_tokens),
        s_(scratch) {}

  void compute() {
    list_keys();
    read_queries();
    make_room();
    for (std::size_t key = 0; key < s_.seen.size(); key += kKeys) {
      read_keys(key);
      for_each_vector_group([&](auto n_vectors, std::size_t row) { logits<n_vectors()>(row, key); });
    }
    for (std::size_t key = 0; key < s_.seen.size(); key += 2 * kBlockPairs) {
      const auto end = std::min(key + 2 * kBlockPairs, s_.seen.size());
      read_values(key, end);
      for_each_vector_group([&](auto n_vectors, std::size_t row) { add_values<n_vectors()>(row, key, end); });
    }
    write_outputs();
  }

 private:
  void list_keys() {
    const auto end = first_query_ + n_queries_;
    const auto first_query = _mm512_set1_epi32(static_cast<int>(first_query_));
    const auto lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    s_.seen.resize(static_cast<std::size_t>(end) + kPairLanes);
    std::size_t n = 0;
    for (std::int64_t j = 0; j < end; j += static_cast<std::int64_t>(kPairLanes)) {
      const auto inside = first_lanes(static_cast<std::size_t>(end - j));
      const auto seen =
          _mm512_mask_cmpgt_epi32_mask(inside, _mm512_maskz_loadu_epi32(inside, until_ + j), first_query);
      const auto positions = _mm512_add_epi32(lane, _mm512_set1_epi32(static_cast<int>(j)));
      _mm512_storeu_si512(s_.seen.data() + n, _mm512_maskz_compress_epi32(seen, positions));
      n += static_cast<std::size_t>(__builtin_popcount(seen));
    }
    s_.seen.resize(n);
  }

  // Where the query of a row begins, in heads_.q and heads_.out.
  std::int64_t offset(std::size_t row) const {
    const auto i = first_query_ + static_cast<std::int64_t>(row % rows_of_head_);
    const auto head = kv_head_ * heads_.group() + static_cast<std::int64_t>(row / rows_of_head_);
    return (i * heads_.n_heads + head) * heads_.d_head;
  }
  bool is_query(std::size_t row) const { return static_cast<std::int64_t>(row % rows_of_head_) < n_queries_; }

  void read_queries() {
    s_.queries.assign(d_head_ / 2 * n_rows_, 0);
    s_.keys.resize(std::max(s_.keys.size(), kKeys * d_head_ / 2));
    const auto scale = 1 / static_cast<float>(heads_.scale.divisor());
    for (std::size_t row = 0; row < n_rows_; ++row) {
      if (!is_query(row)) continue;
      round_row(heads_.q + offset(row), d_head_, scale, s_.keys.data());
      for (std::size_t c = 0; c < d_head_ / 2; ++c) s_.queries[c * n_rows_ + row] = s_.keys[c];
    }
  }

  void make_room() {
    s_.maxima.assign(n_rows_, std::numeric_limits<float>::lowest());
    s_.sums.assign(n_rows_, 0);
    s_.outputs.assign(d_head_ * n_rows_, 0);
    s_.logits.resize(std::max(s_.logits.size(), s_.seen.size() * n_rows_));
    s_.weights.resize(std::max(s_.weights.size(), kBlockPairs * n_rows_));
    s_.values.resize(std::max(s_.values.size(), kBlockPairs * d_head_));
  }

  // f(number of vectors, first row) for all rows, kVectors vectors at a time.
  template <class F>
  void for_each_vector_group(F f) const {
    std::size_t row = 0;
    for (; row + kVectors * kPairLanes <= n_rows_; row += kVectors * kPairLanes)
      f(std::integral_constant<std::size_t, kVectors>(), row);
    const auto n_left = (n_rows_ - row) / kPairLanes;
    if (n_left == 3) f(std::integral_constant<std::size_t, 3>(), row);
    if (n_left == 2) f(std::integral_constant<std::size_t, 2>(), row);
    if (n_left == 1) f(std::integral_constant<std::size_t, 1>(), row);
  }

  // kKeys keys. Past the end, the last key is repeated and its results are ignored.
  void read_keys(std::size_t key) {
    for (std::size_t j = 0; j < kKeys; ++j) {
      const auto position = static_cast<std::size_t>(s_.seen[std::min(key + j, s_.seen.size() - 1)]);
      round_row(k_ + position * d_head_, d_head_, 1, s_.keys.data() + j * d_head_ / 2);
    }
  }

  // Of kN vectors of rows with the keys that were read; the maximum of every row. Not inlined, so that the
  // loop gets all registers.
  template <std::size_t kN>
  HWY_NOINLINE void logits(std::size_t row, std::size_t key) {
    __m512 sum[kKeys][kN];
    HWY_UNROLL(8)
    for (std::size_t j = 0; j < kKeys; ++j) HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) sum[j][v] = _mm512_setzero_ps();
    const auto* q = s_.queries.data() + row;
    const auto* k = s_.keys.data();
    const auto n_pairs = d_head_ / 2;
    for (std::size_t c = 0; c < n_pairs; ++c, q += n_rows_) {
      __m512i x[kN];
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kN; ++v) x[v] = _mm512_loadu_si512(q + v * kPairLanes);
      HWY_UNROLL(8)
      for (std::size_t j = 0; j < kKeys; ++j) {
        const auto y = _mm512_set1_epi32(static_cast<int>(k[j * n_pairs + c]));
        HWY_UNROLL(8)
        for (std::size_t v = 0; v < kN; ++v) sum[j][v] = add_products(sum[j][v], x[v], y);
      }
    }
    __m512 max[kN];
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) max[v] = _mm512_loadu_ps(s_.maxima.data() + row + v * kPairLanes);
    HWY_UNROLL(8)
    for (std::size_t j = 0; j < kKeys; ++j) {
      if (key + j >= s_.seen.size()) break;
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kN; ++v) {
        const auto at = row + v * kPairLanes;
        const auto logit = without_the_blind(sum[j][v], key + j, at);
        _mm512_storeu_ps(s_.logits.data() + (key + j) * n_rows_ + at, logit);
        max[v] = _mm512_max_ps(max[v], logit);
      }
    }
    HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) _mm512_storeu_ps(s_.maxima.data() + row + v * kPairLanes, max[v]);
  }

  // -infinity for the queries that do not see the key.
  HWY_INLINE __m512 without_the_blind(__m512 logit, std::size_t key, std::size_t row) const {
    const auto position = static_cast<std::int64_t>(s_.seen[key]);
    const auto until = static_cast<std::int64_t>(until_[position]);
    if (position <= first_query_ && until >= first_query_ + n_queries_) return logit;
    const auto i = _mm512_add_epi32(
        _mm512_set1_epi32(static_cast<int>(first_query_) + static_cast<int>(row % rows_of_head_)),
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    const auto is_born = _mm512_cmpge_epi32_mask(i, _mm512_set1_epi32(static_cast<int>(position)));
    const auto sees = _mm512_mask_cmplt_epi32_mask(is_born, i, _mm512_set1_epi32(static_cast<int>(until)));
    return _mm512_mask_blend_ps(sees, _mm512_set1_ps(-std::numeric_limits<float>::infinity()), logit);
  }

  // Of keys [begin, end), in pairs; the last is paired with zeros if their number is odd.
  void read_values(std::size_t begin, std::size_t end) {
    auto* out = s_.values.data();
    for (auto key = begin; key < end; key += 2, out += d_head_) {
      const auto* first = v_ + static_cast<std::size_t>(s_.seen[key]) * d_head_;
      const bool is_pair = key + 1 < end;
      const auto* second = is_pair ? v_ + static_cast<std::size_t>(s_.seen[key + 1]) * d_head_ : first;
      for (std::size_t c = 0; c < d_head_; c += kPairLanes) {
        const auto inside = first_lanes(d_head_ - c);
        const auto y = _mm512_maskz_loadu_ps(is_pair ? inside : __mmask16{0}, second + c);
        _mm512_mask_storeu_epi32(out + c, inside, pairs_of(_mm512_maskz_loadu_ps(inside, first + c), y));
      }
    }
  }

  // Weights of keys [begin, end), their sums, and what they add to the outputs.
  template <std::size_t kN>
  void add_values(std::size_t row, std::size_t begin, std::size_t end) {
    for (std::size_t v = 0; v < kN; ++v) read_weights(row + v * kPairLanes, begin, end);
    const auto n_pairs = (end - begin + 1) / 2;
    std::size_t c = 0;
    for (; c + kChannels <= d_head_; c += kChannels) add_channels<kN, kChannels>(row, c, n_pairs);
    for (; c < d_head_; c += 2) add_channels<kN, 2>(row, c, n_pairs);  // d_head is even
  }

  HWY_INLINE void read_weights(std::size_t row, std::size_t begin, std::size_t end) {
    const auto max = _mm512_loadu_ps(s_.maxima.data() + row);
    auto sum = _mm512_loadu_ps(s_.sums.data() + row);
    const auto* logit = s_.logits.data() + begin * n_rows_ + row;
    auto* pairs = s_.weights.data() + row;
    for (auto key = begin; key < end; key += 2, logit += 2 * n_rows_, pairs += n_rows_) {
      const auto x = exp_of_difference(_mm512_sub_ps(_mm512_loadu_ps(logit), max));
      auto y = _mm512_setzero_ps();
      if (key + 1 < end) y = exp_of_difference(_mm512_sub_ps(_mm512_loadu_ps(logit + n_rows_), max));
      sum = _mm512_add_ps(sum, _mm512_add_ps(x, y));
      _mm512_storeu_si512(pairs, pairs_of(x, y));
    }
    _mm512_storeu_ps(s_.sums.data() + row, sum);
  }

  template <std::size_t kN, std::size_t kC>
  HWY_NOINLINE void add_channels(std::size_t row, std::size_t first, std::size_t n_pairs) {
    float* out = s_.outputs.data() + first * n_rows_ + row;
    __m512 sum[kC][kN];
    HWY_UNROLL(8)
    for (std::size_t c = 0; c < kC; ++c) HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) sum[c][v] = _mm512_loadu_ps(out + c * n_rows_ + v * kPairLanes);
    const auto* weight = s_.weights.data() + row;
    const auto* value = s_.values.data() + first;
    for (std::size_t p = 0; p < n_pairs; ++p, weight += n_rows_, value += d_head_) {
      __m512i x[kN];
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kN; ++v) x[v] = _mm512_loadu_si512(weight + v * kPairLanes);
      HWY_UNROLL(8)
      for (std::size_t c = 0; c < kC; ++c) {
        const auto y = _mm512_set1_epi32(static_cast<int>(value[c]));
        HWY_UNROLL(8)
        for (std::size_t v = 0; v < kN; ++v) sum[c][v] = add_products(sum[c][v], x[v], y);
      }
    }
    HWY_UNROLL(8)
    for (std::size_t c = 0; c < kC; ++c) HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) _mm512_storeu_ps(out + c * n_rows_ + v * kPairLanes, sum[c][v]);
  }

  void write_outputs() const {
    for (std::size_t row = 0; row < n_rows_; ++row) {
      if (!is_query(row)) continue;
      float* out = heads_.out + offset(row);
      const float scale = 1 / s_.sums[row];
      for (std::size_t c = 0; c < d_head_; ++c) out[c] = s_.outputs[c * n_rows_ + row] * scale;
    }
  }

  const AttentionHeads<float>& heads_;
  const std::int64_t kv_head_;
  const std::int64_t first_query_;
  const std::int64_t n_queries_;
  const std::size_t rows_of_head_;
  const std::size_t n_rows_;  // rows_of_head_ for each query head
  const std::size_t d_head_;
  const float* k_;
  const float* v_;
  const std::int32_t* until_;
  Bfloat16AttentionScratch& s_;
};

KVCOMPARE_END_AVX512_BF16

}  // namespace

void interval_attention_tile(const AttentionHeads<float>& heads, std::int64_t kv_head,
                             std::int64_t first_query, Bfloat16AttentionScratch& scratch) {
  Tile(heads, kv_head, first_query, scratch).compute();
}

}  // namespace kvcompare
