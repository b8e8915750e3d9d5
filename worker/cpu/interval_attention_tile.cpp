// interval_attention_tile. A vector holds one number of several queries, so keys and values are read where
// they lie, a row at a time, and softmax needs no sum across a vector.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "worker/cpu/interval_attention.h"

// Their vectors cannot be members of arrays.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/cpu/interval_attention_tile.cpp"
#include <hwy/foreach_target.h>
// clang-format off: after foreach_target.h
#include <hwy/highway.h>

#include "presses/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace kvcompare::HWY_NAMESPACE {

constexpr std::size_t kKeyBlock = 64;  // weights and values of a block stay in the first cache
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 || HWY_TARGET == HWY_SSE2
constexpr std::size_t kVectors = 2;  // of 16 registers
#else
constexpr std::size_t kVectors = 4;  // of 32
#endif
constexpr std::size_t kKeys = 6;      // keys whose logits are computed together
constexpr std::size_t kChannels = 6;  // channels of the output that are computed together

template <class T>
class Tile {
 public:
  Tile(const AttentionHeads<T>& heads, std::int64_t kv_head, std::int64_t first_query,
       AttentionScratch<T>& scratch)
      : heads_(heads),
        kv_head_(kv_head),
        first_query_(first_query),
        n_queries_(std::min(n_queries_in_tile(heads.group()), heads.n_tokens - first_query)),
        rows_of_head_(static_cast<std::size_t>(n_queries_in_tile(heads.group()))),
        n_rows_(rows_of_head_ * static_cast<std::size_t>(heads.group())),
        d_head_(static_cast<std::size_t>(heads.d_head)),
        k_(heads.k + kv_head * heads.n_tokens * heads.d_head),
        v_(heads.v + kv_head * heads.n_tokens * heads.d_head),
        s_(scratch) {}

  void compute() {
    list_keys();
    read_queries();
    start_rows();
    s_.outputs.assign(d_head_ * n_rows_, 0);
    if (s_.weights.size() < (s_.keys.size() + kKeys) * n_rows_)
      s_.weights.resize((s_.keys.size() + kKeys) * n_rows_);
    for_each_vector_group([&](auto n_vectors, std::size_t row) { logits<n_vectors()>(row); });
    weigh_sinks();
    for (std::size_t key = 0; key < s_.keys.size(); key += kKeyBlock)
      for_each_vector_group([&](auto n_vectors, std::size_t row) {
        add_values<n_vectors()>(row, key, std::min(key + kKeyBlock, s_.keys.size()));
      });
    write_outputs();
  }

 private:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;

  void list_keys() {
    const auto* until = heads_.until + kv_head_ * heads_.n_tokens;
    const auto end = first_query_ + n_queries_;
    const hn::ScalableTag<std::int32_t> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto first_query = hn::Set(d, static_cast<std::int32_t>(first_query_));
    s_.keys.resize(static_cast<std::size_t>(end + lanes));
    std::size_t n = 0;
    std::int64_t j = 0;
    for (; j + lanes <= end; j += lanes) {
      const auto seen = hn::Gt(hn::LoadU(d, until + j), first_query);
      n += hn::CompressStore(hn::Iota(d, static_cast<std::int32_t>(j)), seen, d, s_.keys.data() + n);
    }
    for (; j < end; ++j)
      if (until[j] > first_query_) s_.keys[n++] = static_cast<std::int32_t>(j);
    s_.keys.resize(n);
    s_.first.resize(n);
    s_.last.resize(n);
    for (std::size_t key = 0; key < n; ++key) {
      const std::int64_t position = s_.keys[key];
      s_.first[key] = static_cast<std::int32_t>(std::max<std::int64_t>(0, position - first_query_));
      s_.last[key] = static_cast<std::int32_t>(std::min<std::int64_t>(end, until[position]) - first_query_);
    }
  }

  bool seen_by_all(std::size_t key) const { return s_.first[key] == 0 && s_.last[key] == n_queries_; }

  // Where query i begins in a query head of the group: in heads_.q and heads_.out.
  std::size_t offset(std::size_t head, std::size_t i) const {
    const auto first_head = kv_head_ * heads_.group();
    const auto query = first_query_ + static_cast<std::int64_t>(i);
    return static_cast<std::size_t>((query * heads_.n_heads + first_head) * heads_.d_head) + head * d_head_;
  }

  void read_queries() {
    const T scale = 1 / static_cast<T>(heads_.scale.divisor());
    s_.queries.assign(d_head_ * n_rows_, 0);
    for (std::size_t row = 0; row < n_rows_; ++row) {
      const auto i = row % rows_of_head_;
      if (static_cast<std::int64_t>(i) >= n_queries_) continue;
      const T* q = heads_.q + offset(row / rows_of_head_, i);
      for (std::size_t c = 0; c < d_head_; ++c) s_.queries[c * n_rows_ + row] = q[c] * scale;
    }
  }

  T sink(std::size_t row) const {
    return heads_.sinks[kv_head_ * heads_.group() + static_cast<std::int64_t>(row / rows_of_head_)];
  }
  void start_rows() {
    s_.maxima.assign(n_rows_, std::numeric_limits<T>::lowest());
    s_.sums.assign(n_rows_, 0);
    for (std::size_t row = 0; heads_.sinks && row < n_rows_; ++row) s_.maxima[row] = sink(row);
  }
  // When the maxima are known.
  void weigh_sinks() {
    for (std::size_t row = 0; heads_.sinks && row < n_rows_; ++row)
      s_.sums[row] = std::exp(sink(row) - s_.maxima[row]);
  }

  void write_outputs() const {
    for (std::size_t row = 0; row < n_rows_; ++row) {
      const auto i = row % rows_of_head_;
      if (static_cast<std::int64_t>(i) >= n_queries_) continue;
      T* out = heads_.out + offset(row / rows_of_head_, i);
      const T scale = 1 / s_.sums[row];
      for (std::size_t c = 0; c < d_head_; ++c) out[c] = s_.outputs[c * n_rows_ + row] * scale;
    }
  }

  // f(number of vectors, first row) for all rows, kVectors vectors at a time.
  template <class F>
  void for_each_vector_group(F f) const {
    const auto lanes = hn::Lanes(D());
    std::size_t row = 0;
    for (; row + kVectors * lanes <= n_rows_; row += kVectors * lanes)
      f(std::integral_constant<std::size_t, kVectors>(), row);
    if constexpr (kVectors > 2)
      for (; row + 2 * lanes <= n_rows_; row += 2 * lanes) f(std::integral_constant<std::size_t, 2>(), row);
    for (; row < n_rows_; row += lanes) f(std::integral_constant<std::size_t, 1>(), row);
  }

  // Of kN vectors of rows with all keys; the maximum of every row.
  template <std::size_t kN>
  void logits(std::size_t row) {
    const D d;
    const auto lanes = hn::Lanes(d);
    const auto n_keys = s_.keys.size();
    for (std::size_t key = 0; key < n_keys; key += kKeys) {
      dot_products<kN>(row, key);
      for (auto j = key; j < std::min(key + kKeys, n_keys); ++j) {
        const bool masked = !seen_by_all(j);
        for (auto at = row; at < row + kN * lanes; at += lanes) {
          T* weight = s_.weights.data() + j * n_rows_ + at;
          auto logit = hn::LoadU(d, weight);
          if (heads_.cap) logit = capped(logit);
          if (masked) logit = without_the_blind(logit, j, at);
          if (masked || heads_.cap) hn::StoreU(logit, d, weight);
          T* max = s_.maxima.data() + at;
          hn::StoreU(hn::Max(hn::LoadU(d, max), logit), d, max);
        }
      }
    }
  }

  // Logits of kKeys keys. Past the end, the last key is repeated and its results are ignored. Not inlined, so
  // that the loop gets all registers.
  template <std::size_t kN>
  HWY_NOINLINE void dot_products(std::size_t row, std::size_t key) {
    const D d;
    const auto lanes = hn::Lanes(d);
    const T* k[kKeys];
    for (std::size_t j = 0; j < kKeys; ++j)
      k[j] = k_ + static_cast<std::size_t>(s_.keys[std::min(key + j, s_.keys.size() - 1)]) * d_head_;
    V sum[kKeys][kN];
    HWY_UNROLL(8)
    for (std::size_t j = 0; j < kKeys; ++j) HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) sum[j][v] = hn::Zero(d);
    const T* q = s_.queries.data() + row;
    for (std::size_t c = 0; c < d_head_; ++c, q += n_rows_) {
      V x[kN];
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kN; ++v) x[v] = hn::LoadU(d, q + v * lanes);
      HWY_UNROLL(8)
      for (std::size_t j = 0; j < kKeys; ++j) {
        const auto y = hn::Set(d, k[j][c]);
        HWY_UNROLL(8)
        for (std::size_t v = 0; v < kN; ++v) sum[j][v] = hn::MulAdd(x[v], y, sum[j][v]);
      }
    }
    HWY_UNROLL(8)
    for (std::size_t j = 0; j < kKeys; ++j) HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v)
      hn::StoreU(sum[j][v], d, s_.weights.data() + (key + j) * n_rows_ + row + v * lanes);
  }

  HWY_INLINE V capped(V logit) const {
    const D d;
    const auto cap = hn::Set(d, static_cast<T>(*heads_.cap));
    return hn::Mul(cap, hn::Tanh(d, hn::Div(logit, cap)));
  }

  // -infinity for the queries that do not see the key.
  HWY_INLINE V without_the_blind(V logit, std::size_t key, std::size_t row) const {
    const D d;
    const auto i = hn::Iota(d, static_cast<T>(row % rows_of_head_));
    const auto sees = hn::And(hn::Ge(i, hn::Set(d, static_cast<T>(s_.first[key]))),
                              hn::Lt(i, hn::Set(d, static_cast<T>(s_.last[key]))));
    return hn::IfThenElse(sees, logit, hn::Set(d, -std::numeric_limits<T>::infinity()));
  }

  // Weights of keys [begin, end), their sums, and what they add to the outputs.
  template <std::size_t kN>
  void add_values(std::size_t row, std::size_t begin, std::size_t end) {
    const D d;
    const auto lanes = hn::Lanes(d);
    for (std::size_t v = 0; v < kN; ++v) {
      const auto at = row + v * lanes;
      const auto max = hn::LoadU(d, s_.maxima.data() + at);
      auto sum = hn::LoadU(d, s_.sums.data() + at);
      for (auto key = begin; key < end; ++key) {
        T* weight = s_.weights.data() + key * n_rows_ + at;
        const auto x = exp_of_difference(d, hn::Sub(hn::LoadU(d, weight), max));
        sum = hn::Add(sum, x);
        hn::StoreU(x, d, weight);
      }
      hn::StoreU(sum, d, s_.sums.data() + at);
    }
    std::size_t c = 0;
    for (; c + kChannels <= d_head_; c += kChannels) add_channels<kN, kChannels>(row, c, begin, end);
    for (; c < d_head_; c += 2) add_channels<kN, 2>(row, c, begin, end);  // d_head is even
  }

  template <std::size_t kN, std::size_t kC>
  HWY_NOINLINE void add_channels(std::size_t row, std::size_t first, std::size_t begin, std::size_t end) {
    const D d;
    const auto lanes = hn::Lanes(d);
    T* out = s_.outputs.data() + first * n_rows_ + row;
    V sum[kC][kN];
    HWY_UNROLL(8)
    for (std::size_t c = 0; c < kC; ++c) HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) sum[c][v] = hn::LoadU(d, out + c * n_rows_ + v * lanes);
    for (auto key = begin; key < end; ++key) {
      const T* weight = s_.weights.data() + key * n_rows_ + row;
      const T* value = v_ + static_cast<std::size_t>(s_.keys[key]) * d_head_ + first;
      V x[kN];
      HWY_UNROLL(8)
      for (std::size_t v = 0; v < kN; ++v) x[v] = hn::LoadU(d, weight + v * lanes);
      HWY_UNROLL(8)
      for (std::size_t c = 0; c < kC; ++c) {
        const auto y = hn::Set(d, value[c]);
        HWY_UNROLL(8)
        for (std::size_t v = 0; v < kN; ++v) sum[c][v] = hn::MulAdd(x[v], y, sum[c][v]);
      }
    }
    HWY_UNROLL(8)
    for (std::size_t c = 0; c < kC; ++c) HWY_UNROLL(8)
    for (std::size_t v = 0; v < kN; ++v) hn::StoreU(sum[c][v], d, out + c * n_rows_ + v * lanes);
  }

  const AttentionHeads<T>& heads_;
  const std::int64_t kv_head_;
  const std::int64_t first_query_;
  const std::int64_t n_queries_;
  const std::size_t rows_of_head_;
  const std::size_t n_rows_;  // rows_of_head_ for each query head
  const std::size_t d_head_;
  const T* k_;
  const T* v_;
  AttentionScratch<T>& s_;
};

void tile_float(const AttentionHeads<float>& heads, std::int64_t kv_head, std::int64_t first_query,
                AttentionScratch<float>& scratch) {
  Tile<float>(heads, kv_head, first_query, scratch).compute();
}
void tile_double(const AttentionHeads<double>& heads, std::int64_t kv_head, std::int64_t first_query,
                 AttentionScratch<double>& scratch) {
  Tile<double>(heads, kv_head, first_query, scratch).compute();
}

}  // namespace kvcompare::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvcompare {
HWY_EXPORT(tile_float);
HWY_EXPORT(tile_double);

std::int64_t n_queries_in_tile(std::int64_t group) { return group == 1 ? 64 : group == 2 ? 32 : 16; }

void interval_attention_tile(const AttentionHeads<float>& heads, std::int64_t kv_head,
                             std::int64_t first_query, AttentionScratch<float>& scratch) {
  HWY_DYNAMIC_DISPATCH(tile_float)(heads, kv_head, first_query, scratch);
}
void interval_attention_tile(const AttentionHeads<double>& heads, std::int64_t kv_head,
                             std::int64_t first_query, AttentionScratch<double>& scratch) {
  HWY_DYNAMIC_DISPATCH(tile_double)(heads, kv_head, first_query, scratch);
}

}  // namespace kvcompare
#endif
