// One layer under expected_attention, with inputs drawn at random and buffers as an engine has them: what the
// kernels of worker/gpu/kernels/drifting_schedule_kernel.h are tested on.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "presses/rope.h"
#include "presses/schedule/drifting_plan.h"
#include "presses/scorer.h"
#include "tests/kernels/reference/drifting_schedule_kernel_reference.h"
#include "tests/support/kernel_run.h"
#include "tests/support/parameters.h"
#include "tests/unit/presses/schedule/naive_schedule.h"
#include "worker/gpu/kernels/drifting_schedule_kernel.h"

namespace kvcompare::drifting {

inline constexpr auto kNan = std::numeric_limits<float>::quiet_NaN();
using naive::size;
using Row = std::vector<double>;
using Positions = std::vector<std::int64_t>;

struct Shape {
  std::int64_t n_heads, n_kv_heads, d_head, n_sink, n_tokens, chunk_size;
  double ratio;
  bool use_covariance = true, use_vnorm = true;
  float key_scale = 1;
  std::optional<ScoreThreshold> threshold = std::nullopt;  // instead of the ratio

  EvictionPolicy policy() const {
    return threshold ? EvictionPolicy(*threshold) : EvictionPolicy(RatioBudget{ratio});
  }
  std::int64_t group() const { return n_heads / n_kv_heads; }
  Chunking chunking() const { return {n_tokens, chunk_size}; }
  ExpectedAttentionFlags parameters() const {
    return {
        .n_sink = n_sink, .n_future_positions = 20, .use_covariance = use_covariance, .use_vnorm = use_vnorm};
  }
};

inline std::string to_text(const Shape& s) {
  return "heads " + std::to_string(s.n_heads) + " over " + std::to_string(s.n_kv_heads) + " of size " +
         std::to_string(s.d_head) + (s.use_covariance ? "" : ", no covariance") +
         (s.use_vnorm ? ", " : ", no vnorm, ") +
         to_text(naive::Shape{s.policy(), s.n_sink, s.n_tokens, s.chunk_size});
}

// What a layer has made of a sample: queries and values lie as in qkv, keys as in what RoPE has turned.
template <class T>
struct Inputs {
  Inputs(const Shape& of, std::mt19937_64& generator) : shape(of) {
    const auto draw = [&](std::int64_t n, float mean, float scale) {
      std::normal_distribution<float> normal(mean, scale);
      KernelVector<T> numbers(size(n));
      for (auto& number : numbers) number = static_cast<T>(normal(generator));
      return numbers;
    };
    qkv = draw(of.n_tokens * qkv_stride(), 0.5, 1);
    rotated = draw(of.n_tokens * rotated_stride(), 0, of.key_scale);
    for (std::int64_t c = 0; c < of.d_head / 2; ++c)
      frequencies.push_back(std::pow(10, -3 * static_cast<double>(generator() % 1000) / 1000));
    rope = std::make_unique<Rope>(at::tensor(frequencies, at::kDouble));
  }

  std::int64_t qkv_stride() const { return (shape.n_heads + 2 * shape.n_kv_heads) * shape.d_head; }
  std::int64_t rotated_stride() const { return (shape.n_heads + shape.n_kv_heads) * shape.d_head; }
  const T* q() const { return qkv.data(); }
  const T* v() const { return qkv.data() + (shape.n_heads + shape.n_kv_heads) * shape.d_head; }
  const T* k() const { return rotated.data() + shape.n_heads * shape.d_head; }

  WholeHead whole_head(std::int64_t kv_head) const {
    const auto heads = [&](const T* first, std::int64_t stride, std::int64_t head, std::int64_t n) {
      std::vector<double> wide;
      for (std::int64_t h = head; h < head + n; ++h)
        for (std::int64_t i = 0; i < shape.n_tokens; ++i)
          for (std::int64_t c = 0; c < shape.d_head; ++c)
            wide.push_back(static_cast<double>(first[i * stride + h * shape.d_head + c]));
      return at::from_blob(wide.data(), {n, shape.n_tokens, shape.d_head}, at::kDouble).clone();
    };
    return {.raw_q = heads(q(), qkv_stride(), kv_head * shape.group(), shape.group()),
            .q = {},
            .k = heads(k(), rotated_stride(), kv_head, 1)[0],
            .v = heads(v(), qkv_stride(), kv_head, 1)[0],
            .rule = {.rope = rope.get(), .scale = {static_cast<double>(shape.d_head)}}};
  }

  Shape shape;
  KernelVector<T> qkv, rotated;
  std::vector<double> frequencies;
  std::unique_ptr<Rope> rope;
};

// What an engine keeps, with NaN where nothing has been written.
struct Buffers {
  KernelVector<std::int32_t> deaths, until, positions, evicted;
  KernelVector<float> log_vnorm_of_tokens, log_vnorm, key_features, query_features, z, largest, scores;
  KernelVector<double> mean, next_mean, scatter, sums;
  KernelVector<int> status{0};
};

template <class Number>
auto bits_of(const KernelVector<Number>& numbers) {
  using Bits = std::conditional_t<sizeof(Number) == 8, std::uint64_t, std::uint32_t>;
  std::vector<Bits> bits;
  for (const auto number : numbers) bits.push_back(std::bit_cast<Bits>(number));
  return bits;
}

inline void expect_same_bits(const Buffers& a, const Buffers& b) {
  EXPECT_EQ(a.deaths, b.deaths);
  EXPECT_EQ(a.until, b.until);
  EXPECT_EQ(a.positions, b.positions);
  EXPECT_EQ(a.evicted, b.evicted);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(bits_of(a.log_vnorm_of_tokens), bits_of(b.log_vnorm_of_tokens));
  EXPECT_EQ(bits_of(a.log_vnorm), bits_of(b.log_vnorm));
  EXPECT_EQ(bits_of(a.key_features), bits_of(b.key_features));
  EXPECT_EQ(bits_of(a.query_features), bits_of(b.query_features));
  EXPECT_EQ(bits_of(a.largest), bits_of(b.largest));
  EXPECT_EQ(bits_of(a.sums), bits_of(b.sums));
  EXPECT_EQ(bits_of(a.mean), bits_of(b.mean));
  EXPECT_EQ(bits_of(a.scatter), bits_of(b.scatter));
}

struct Kernel {
  template <class Task>
  void operator()(const Task& task) const {
    run_kernel(task, [](const auto& t) { drifting_schedule_kernel(t, nullptr); });
  }
};
struct Reference {
  template <class Task>
  void operator()(const Task& task) const {
    drifting_schedule_kernel_reference(task);
  }
};

// One layer of one unit: does what the engine does.
template <class T>
class Layer {
 public:
  explicit Layer(const Inputs<T>& inputs)
      : in_(inputs),
        s_(inputs.shape),
        n_features_(n_drifting_features(s_.d_head, s_.use_covariance)),
        plan_(drifting_plan(s_.policy(), s_.n_sink, s_.chunking())),
        plan_events_(kernel_copy(plan_.events)),
        plan_n_(kernel_copy(plan_.n)),
        plan_first_eviction_(kernel_copy(plan_.first_eviction)) {
    const auto rotations = in_.rope->means(std::vector<std::int64_t>(plan_.n.begin(), plan_.n.end()),
                                           s_.parameters().n_future_positions);
    const auto copy = [](const at::Tensor& angles) {
      const auto* first = angles.const_data_ptr<double>();
      return KernelVector<double>(first, first + angles.numel());
    };
    cos_ = copy(rotations.cos.contiguous());
    sin_ = copy(rotations.sin.contiguous());
    const auto n_rows = s_.n_heads * kMostEventsInBlock;
    const auto n_places = s_.n_kv_heads * plan_.capacity();
    b_.deaths.assign(size(s_.n_kv_heads * s_.n_tokens), -77);
    b_.until = b_.deaths;
    b_.positions.assign(size(n_places), -77);
    b_.evicted.assign(size(s_.n_kv_heads * plan_.n_evictions()), -77);
    b_.log_vnorm_of_tokens.assign(b_.deaths.size(), kNan);
    b_.log_vnorm.assign(size(n_places), kNan);
    b_.scores = b_.log_vnorm;
    b_.key_features.assign(size(n_places * n_features_), kNan);
    b_.query_features.assign(size(n_rows * n_features_), kNan);
    b_.largest.assign(size(n_rows), kNan);
    b_.sums.assign(size(n_rows), kNan);
    b_.mean.assign(size(s_.n_heads * s_.d_head), kNan);
    b_.next_mean = b_.mean;
    b_.scatter.assign(size(s_.n_heads * (n_features_ - s_.d_head)), kNan);
  }

  const DriftingPlan& plan() const { return plan_; }
  Buffers& buffers() { return b_; }
  std::int64_t n_features() const { return n_features_; }

  // product(*this, block) makes z.
  template <class Run, class Product>
  const Buffers& run(Run run, Product product) {
    run(start());
    for (const auto& block : plan_.blocks) {
      run(queries(block));
      std::swap(b_.mean, b_.next_mean);
      run(keys(block));
      b_.z.assign(size(s_.n_heads * block.n_events * block.n_places), kNan);
      product(*this, block);
      run(evictions(block));
    }
    return b_;
  }

  StartDrifting<T> start() {
    return {.shape = shape(),
            .layer = layer(),
            .candidates = candidates(),
            .v = in_.v(),
            .stride = in_.qkv_stride(),
            .use_vnorm = s_.use_vnorm,
            .log_vnorm = b_.log_vnorm_of_tokens.data()};
  }
  QueryFeatures<T> queries(const DriftingBlock& block) {
    return {.shape = shape(),
            .events = events(block),
            .q = in_.q(),
            .stride = in_.qkv_stride(),
            .n_before = block.n_before,
            .n_after = block.n_after,
            .mean = b_.mean.data(),
            .next_mean = b_.next_mean.data(),
            .scatter = b_.scatter.data(),
            .features = b_.query_features.data()};
  }
  KeyFeatures<T> keys(const DriftingBlock& block) {
    return {.shape = shape(),
            .candidates = candidates(),
            .k = in_.k(),
            .stride = in_.rotated_stride(),
            .log_vnorm = b_.log_vnorm_of_tokens.data(),
            .n_tokens = s_.n_tokens,
            .n_before = block.n_before,
            .n_new = block.n_new,
            .first_reused = block.first_reused,
            .n_reused = block.n_reused,
            .n_used_before = block.n_used_before};
  }
  EvictLowest evictions(const DriftingBlock& block) {
    return {.shape = shape(),
            .events = events(block),
            .layer = layer(),
            .candidates = candidates(),
            .z = b_.z.data(),
            .n_places = block.n_places,
            .largest = b_.largest.data(),
            .sums = b_.sums.data(),
            .scores = b_.scores.data(),
            .status = b_.status.data(),
            .threshold = s_.threshold ? s_.threshold->threshold : EvictLowest::kNoThreshold};
  }

 private:
  DriftingShape shape() const {
    return {.n_heads = s_.n_heads,
            .n_kv_heads = s_.n_kv_heads,
            .d_head = s_.d_head,
            .n_sink = s_.n_sink,
            .n_features = n_features_,
            .scalar = static_cast<double>(s_.d_head)};
  }
  LayerDeaths layer() {
    return {b_.deaths.data(), b_.until.data(), s_.n_kv_heads, s_.n_tokens, s_.chunk_size};
  }
  Candidates candidates() {
    return {b_.positions.data(), b_.log_vnorm.data(), b_.key_features.data(),
            b_.evicted.data(),   plan_.capacity(),    plan_.n_evictions()};
  }
  DriftingEvents events(const DriftingBlock& block) const {
    const auto first = block.first_event;
    return {plan_events_.data() + first,         plan_n_.data() + first,
            plan_first_eviction_.data() + first, cos_.data() + first * s_.d_head / 2,
            sin_.data() + first * s_.d_head / 2, block.n_events};
  }

  const Inputs<T>& in_;
  const Shape s_;
  const std::int64_t n_features_;
  const DriftingPlan plan_;
  const KernelVector<std::int32_t> plan_events_, plan_n_, plan_first_eviction_;
  KernelVector<double> cos_, sin_;  // mean rotations after each event
  Buffers b_;
};

// ---- products

struct InFloat {
  double operator()(float x) const { return static_cast<double>(x); }
};
// As tensor cores take a float: 10 bits of mantissa behind the point, to nearest.
struct InTf32 {
  double operator()(float x) const {
    return static_cast<double>(
        std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + 0x1000U) & 0xffffe000U));
  }
};

// What cuBLAS does, but for the order of the sum.
template <class Round>
struct Product {
  template <class T>
  void operator()(Layer<T>& layer, const DriftingBlock& block) const {
    auto& b = layer.buffers();
    const auto n_features = layer.n_features(), n_rows = std::ssize(b.z) / block.n_places;
    const auto n_kv_heads = std::ssize(b.positions) / layer.plan().capacity();
    const Round round;
    for (std::int64_t row = 0; row < n_rows; ++row)
      for (std::int64_t place = 0; place < block.n_places; ++place) {
        const auto kv_head = row / (n_rows / n_kv_heads);
        const auto* query = b.query_features.data() + row * n_features;
        const auto* key = b.key_features.data() + (kv_head * layer.plan().capacity() + place) * n_features;
        double sum = 0;
        for (std::int64_t i = 0; i < n_features; ++i) sum += round(query[i]) * round(key[i]);
        b.z[size(row * block.n_places + place)] = static_cast<float>(sum);
      }
  }
};

class OnRandomLayers : public testing::Test {
 protected:
  OnRandomLayers() : generator_(property_seed()) { RecordProperty("seed", std::to_string(property_seed())); }
  ~OnRandomLayers() override { set_reverse_warps(false); }

  // By kernels, in both orders of warps.
  template <class T, class AnyProduct>
  static void run_kernels(Layer<T>& layer, const Inputs<T>& inputs, AnyProduct product) {
    layer.run(Kernel(), product);
    set_reverse_warps(true);
    Layer<T> reversed(inputs);
    expect_same_bits(reversed.run(Kernel(), product), layer.buffers());
    set_reverse_warps(false);
  }

  std::mt19937_64 generator_;
};

}  // namespace kvcompare::drifting
