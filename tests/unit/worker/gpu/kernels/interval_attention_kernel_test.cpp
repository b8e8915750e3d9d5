#include "worker/gpu/kernels/interval_attention_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <ostream>
#include <random>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "tests/kernels/reference/interval_attention_kernel_reference.h"
#include "tests/support/kernel_run.h"

namespace kvcompare {
namespace {

enum class Deaths { kNone, kAtBirth, kRandom, kWindow, kChunks };

struct Case {
  std::int64_t n_tokens, n_heads, n_kv_heads, d_head;
  Deaths deaths;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.n_tokens << " tokens, heads " << c.n_heads << ':' << c.n_kv_heads << " of " << c.d_head
             << ", deaths " << static_cast<int>(c.deaths);
}

constexpr std::int64_t kSinks = 4, kWindow = 21, kChunk = 24;

// When key j dies.
std::int64_t until_of(std::int64_t j, const Case& c, std::mt19937& random) {
  const auto left = static_cast<unsigned>(c.n_tokens - j);
  switch (c.deaths) {
    case Deaths::kAtBirth:
      return j + 1;
    case Deaths::kRandom:
      return j + 1 + static_cast<std::int64_t>(random() % left);
    case Deaths::kWindow:
      return j < kSinks ? c.n_tokens : std::min(j + kWindow, c.n_tokens);
    case Deaths::kChunks:
      return std::min((j / kChunk + 1 + static_cast<std::int64_t>(random() % 3)) * kChunk, c.n_tokens);
    default:
      return c.n_tokens;
  }
}

// Compute capability 9.0 has a kernel of its own; on a GPU of another this is that of any.
enum class Device { kAny, kHopper };
std::ostream& operator<<(std::ostream& out, Device device) {
  return out << (device == Device::kHopper ? "Hopper" : "any device");
}

using Sees = bool (*)(std::int64_t i, std::int64_t j, std::int64_t until);

constexpr auto kByKernel = [](const auto& task) {
  run_kernel(task, [](const auto& t) { interval_attention_kernel(t, nullptr); });
};

// One layer as the engine has it: q beside k, and v among other things; what is not to be read is NaN.
template <class T>
struct Layer {
  Layer(const Case& of, unsigned seed) : c(of) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 1);
    const auto nan = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
    qk.assign(static_cast<std::size_t>(c.n_tokens * qk_stride()), nan);
    qkv.assign(static_cast<std::size_t>(c.n_tokens * qkv_stride()), nan);
    for (std::int64_t i = 0; i < c.n_tokens; ++i) {
      for (std::int64_t x = 0; x < (c.n_heads + c.n_kv_heads) * c.d_head; ++x)
        qk[static_cast<std::size_t>(i * qk_stride() + x)] = static_cast<T>(1.5F * normal(random));
      for (std::int64_t x = 0; x < c.n_kv_heads * c.d_head; ++x)
        qkv[static_cast<std::size_t>(i * qkv_stride() + v_offset() + x)] = static_cast<T>(normal(random));
    }
    for (std::int64_t h = 0; h < c.n_kv_heads; ++h)
      for (std::int64_t j = 0; j < c.n_tokens; ++j)
        until.push_back(static_cast<std::int32_t>(until_of(j, c, random)));
  }

  std::int64_t qk_stride() const { return (c.n_heads + c.n_kv_heads) * c.d_head + 8; }
  std::int64_t v_offset() const { return (c.n_heads + c.n_kv_heads) * c.d_head; }
  std::int64_t qkv_stride() const { return (c.n_heads + 2 * c.n_kv_heads) * c.d_head; }
  std::int64_t out_stride() const { return c.n_heads * c.d_head + 2; }

  IntervalAttention<T> task(KernelVector<T>& out) const {
    out.assign(static_cast<std::size_t>(c.n_tokens * out_stride()), static_cast<T>(-77.0F));
    return {.q = qk.data(),
            .k = qk.data() + c.n_heads * c.d_head,
            .v = qkv.data() + v_offset(),
            .q_stride = qk_stride(),
            .k_stride = qk_stride(),
            .v_stride = qkv_stride(),
            .out = out.data(),
            .out_stride = out_stride(),
            .until = until.data(),
            .n_tokens = c.n_tokens,
            .n_heads = c.n_heads,
            .n_kv_heads = c.n_kv_heads,
            .d_head = c.d_head,
            .scale = 1 / std::sqrt(static_cast<double>(c.d_head)),
            .cap = cap,
            .sinks = sinks.empty() ? nullptr : sinks.data()};
  }

  KernelVector<T> by_kernel(Device device = Device::kAny, bool reverse_warps = false) const {
    const auto on_hopper = device == Device::kHopper;
    set_compute_capability(on_hopper ? 90 : 80);
    set_reverse_warps(reverse_warps);
    const auto out = by_instruction(on_hopper ? MatrixInstruction::kBest : MatrixInstruction::kMmaSync);
    set_compute_capability(80);
    set_reverse_warps(false);
    return out;
  }
  KernelVector<T> by_instruction(MatrixInstruction instruction) const {
    KernelVector<T> out;
    run_kernel(task(out), [&](const auto& t) { interval_attention_kernel(t, nullptr, instruction); });
    return out;
  }
  KernelVector<T> by_reference() const {
    KernelVector<T> out;
    interval_attention_kernel_reference(task(out));
    return out;
  }

  // By the definition, with the rule of who sees whom given: [n_tokens, out_stride].
  std::vector<double> by_definition(Sees sees) const {
    const std::vector<double> a(qk.begin(), qk.end()), b(qkv.begin(), qkv.end());
    std::vector<double> out(static_cast<std::size_t>(c.n_tokens * out_stride()), -77);
    for (std::int64_t i = 0; i < c.n_tokens; ++i)
      for (std::int64_t h = 0; h < c.n_heads; ++h) {
        const auto kv = h * c.n_kv_heads / c.n_heads;
        const auto* q = a.data() + i * qk_stride() + h * c.d_head;
        std::vector<double> values(static_cast<std::size_t>(c.d_head), 0);
        double sum = sinks.empty() ? 0 : std::exp(static_cast<double>(sinks[static_cast<std::size_t>(h)]));
        for (std::int64_t j = 0; j < c.n_tokens; ++j) {
          if (!sees(i, j, until[static_cast<std::size_t>(kv * c.n_tokens + j)])) continue;
          const auto* k = a.data() + j * qk_stride() + (c.n_heads + kv) * c.d_head;
          const auto* v = b.data() + j * qkv_stride() + v_offset() + kv * c.d_head;
          double score = 0;
          for (std::int64_t x = 0; x < c.d_head; ++x) score += q[x] * k[x];
          score /= std::sqrt(static_cast<double>(c.d_head));
          const double weight = std::exp(cap == 0 ? score : cap * std::tanh(score / cap));
          sum += weight;
          for (std::int64_t x = 0; x < c.d_head; ++x) values[static_cast<std::size_t>(x)] += weight * v[x];
        }
        for (std::int64_t x = 0; x < c.d_head; ++x)
          out[static_cast<std::size_t>(i * out_stride() + h * c.d_head + x)] =
              values[static_cast<std::size_t>(x)] / sum;
      }
    return out;
  }

  const Case c;
  KernelVector<T> qk, qkv;
  KernelVector<std::int32_t> until;
  double cap = 0;
  KernelVector<float> sinks;
};

bool rule(std::int64_t i, std::int64_t j, std::int64_t until) { return j <= i && i < until; }

// Half a unit in the last place of 1.
template <class T>
constexpr double kRounding = std::is_same_v<T, float>       ? 0x1p-24
                             : std::is_same_v<T, c10::Half> ? 0x1p-11
                                                            : 0x1p-8 / 2;

// Of an output, which is an average of values: weights that are rounded move it by a rounding of the largest
// value at most, and so does rounding the output. In float what counts is the rounding of scores, of which
// there are up to some ten.
template <class T>
double tolerance(const Layer<T>& layer) {
  double largest = 0;
  for (const auto& x : layer.qkv)
    if (!std::isnan(static_cast<float>(x))) largest = std::max(largest, std::abs(static_cast<double>(x)));
  return largest * (std::is_same_v<T, float> ? 2e-6 : 2.5 * kRounding<T>);
}

// Numbers: a vector in any memory.
template <class Numbers>
double largest_difference(const Numbers& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    if (std::isnan(difference)) return difference;  // which is below nothing
    largest = std::max(largest, difference);
  }
  return largest;
}

template <class T>
bool same_bits(const KernelVector<T>& a, const KernelVector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// Rules that are wrong by one have to be far outside of the tolerance where they say something else, or the
// comparison would be worth nothing.
template <class T>
void expect_wrong_rules_to_show(const Layer<T>& layer, const std::vector<double>& expected) {
  const Sees wrong[] = {
      [](std::int64_t i, std::int64_t j, std::int64_t until) { return j <= i && i <= until; },
      [](std::int64_t i, std::int64_t j, std::int64_t until) { return j <= i && (i < until - 1 || i == j); },
      [](std::int64_t i, std::int64_t j, std::int64_t until) { return j <= i + 1 && i < until; },
      [](std::int64_t i, std::int64_t j, std::int64_t until) { return j + i % 2 <= i && i < until; },
  };
  const auto n = layer.c.n_tokens;
  for (const auto sees : wrong) {
    bool differs = false;
    for (std::int64_t h = 0; h < layer.c.n_kv_heads; ++h)
      for (std::int64_t j = 0; j < n; ++j) {
        const auto until = layer.until[static_cast<std::size_t>(h * n + j)];
        for (std::int64_t i = 0; i < n; ++i) differs = differs || sees(i, j, until) != rule(i, j, until);
      }
    if (!differs) continue;
    // A query that sees nothing at all has NaN.
    EXPECT_FALSE(largest_difference(layer.by_definition(sees), expected) <= 10 * tolerance(layer)) << layer.c;
  }
}

template <class T>
void expect_attention(const Case& c, std::initializer_list<Device> devices = {Device::kAny}) {
  const Layer<T> layer(c, static_cast<unsigned>(c.n_tokens + c.d_head));
  const auto expected = layer.by_definition(rule);
  expect_wrong_rules_to_show(layer, expected);
  EXPECT_LE(largest_difference(layer.by_reference(), expected), kRounding<T> * 8) << c;  // outputs below 8
  for (const auto device : devices) {
    const auto out = layer.by_kernel(device);
    EXPECT_LE(largest_difference(out, expected), tolerance(layer)) << c << ", " << device;
    EXPECT_TRUE(same_bits(out, layer.by_kernel(device, true))) << c << ", " << device;
  }
}

template <class T>
class IntervalAttentionKernelByMatrices : public testing::Test {};
using HalfTypes = testing::Types<c10::Half, c10::BFloat16>;
TYPED_TEST_SUITE(IntervalAttentionKernelByMatrices, HalfTypes);

TYPED_TEST(IntervalAttentionKernelByMatrices, IsTheDefinition) {
  for (const auto& c : {
           Case{1, 1, 1, 64, Deaths::kNone}, Case{2, 4, 2, 80, Deaths::kNone},
           Case{17, 7, 1, 96, Deaths::kRandom}, Case{63, 2, 2, 128, Deaths::kRandom},
           Case{64, 8, 1, 64, Deaths::kChunks}, Case{65, 4, 1, 128, Deaths::kWindow},
           Case{66, 2, 1, 256, Deaths::kRandom}, Case{40, 8, 1, 256, Deaths::kNone},
           Case{66, 7, 1, 80, Deaths::kAtBirth}, Case{130, 1, 1, 96, Deaths::kNone},
           Case{130, 7, 1, 128, Deaths::kChunks}, Case{130, 2, 1, 80, Deaths::kWindow},
           Case{300, 1, 1, 64, Deaths::kRandom}, Case{300, 2, 1, 64, Deaths::kNone},
           Case{300, 4, 1, 128, Deaths::kRandom}, Case{130, 8, 2, 96, Deaths::kWindow},
           Case{130, 7, 1, 256, Deaths::kChunks},
           Case{3, 131, 1, 64, Deaths::kRandom},  // more heads than rows
       })
    expect_attention<TypeParam>(c, {Device::kAny, Device::kHopper});
}

// A cap that binds, and sinks that take from nothing to nearly all of a row; each alone and both.
template <class T>
void expect_caps_and_sinks(const Case& c, std::initializer_list<Device> devices) {
  for (const double cap : {0.0, 0.8})
    for (const bool has_sinks : {true, false}) {
      Layer<T> layer(c, 11);
      const auto plain = layer.by_definition(rule);
      layer.cap = cap;
      for (std::int64_t h = 0; has_sinks && h < c.n_heads; ++h)
        layer.sinks.push_back(static_cast<float>(4 * h - 6));
      const auto expected = layer.by_definition(rule);
      EXPECT_EQ(largest_difference(plain, expected) > 10 * tolerance(layer), cap != 0 || has_sinks);
      EXPECT_LE(largest_difference(layer.by_reference(), expected), kRounding<T> * 8) << c;
      for (const auto device : devices)
        EXPECT_LE(largest_difference(layer.by_kernel(device), expected), tolerance(layer))
            << c << ", " << device << ", cap " << cap << (has_sinks ? ", sinks" : "");
    }
}

TYPED_TEST(IntervalAttentionKernelByMatrices, CapsLogitsAndHasSinks) {
  expect_caps_and_sinks<TypeParam>({130, 4, 2, 64, Deaths::kRandom}, {Device::kAny, Device::kHopper});
  expect_caps_and_sinks<TypeParam>({66, 3, 1, 256, Deaths::kWindow}, {Device::kAny, Device::kHopper});
}

TEST(IntervalAttentionKernelInFloat32, CapsLogitsAndHasSinks) {
  expect_caps_and_sinks<float>({130, 4, 2, 24, Deaths::kRandom}, {Device::kAny});
  expect_caps_and_sinks<c10::Half>({66, 3, 1, 40, Deaths::kWindow}, {Device::kAny});
}

// More keys than are listed at once.
TEST(IntervalAttentionKernelByMatricesOnce, ManyKeys) {
  expect_attention<c10::Half>({1400, 1, 1, 64, Deaths::kRandom}, {Device::kAny, Device::kHopper});
}

// More steps than a block of the Hopper kernel has room for, several times.
TEST(IntervalAttentionKernelByMatricesOnce, ManySteps) {
  expect_attention<c10::BFloat16>({700, 1, 1, 128, Deaths::kNone}, {Device::kHopper});
  expect_attention<c10::BFloat16>({400, 1, 1, 256, Deaths::kRandom}, {Device::kHopper});
}

// Other steps, other rounding.
TEST(IntervalAttentionKernel, TakesTheInstructionThatIsAskedFor) {
  const Layer<c10::BFloat16> layer({200, 2, 1, 64, Deaths::kRandom}, 3);
  for (const int capability : {90, 80}) {
    if (!set_compute_capability(capability)) continue;
    const auto best = layer.by_instruction(MatrixInstruction::kBest);
    EXPECT_EQ(same_bits(best, layer.by_instruction(MatrixInstruction::kMmaSync)), capability != 90);
  }
}

template <class T>
class IntervalAttentionKernelInFloat : public testing::Test {};
using AllTypes = testing::Types<float, c10::Half, c10::BFloat16>;
TYPED_TEST_SUITE(IntervalAttentionKernelInFloat, AllTypes);

TYPED_TEST(IntervalAttentionKernelInFloat, IsTheDefinition) {
  for (const auto& c : {
           Case{1, 1, 1, 2, Deaths::kNone}, Case{2, 2, 1, 8, Deaths::kAtBirth},
           Case{17, 4, 1, 16, Deaths::kRandom}, Case{130, 4, 2, 32, Deaths::kWindow},
           Case{63, 7, 1, 48, Deaths::kChunks}, Case{64, 1, 1, 33, Deaths::kNone},
           Case{66, 8, 1, 200, Deaths::kRandom}, Case{3, 33, 1, 16, Deaths::kNone},  // more heads than rows
       })
    expect_attention<TypeParam>(c);
}

TEST(IntervalAttentionKernelInFloat32, HasTheHeadSizesOfTensorCores) {
  for (const auto& c : {
           Case{65, 2, 1, 64, Deaths::kRandom},
           Case{63, 4, 1, 80, Deaths::kChunks},
           Case{130, 2, 2, 96, Deaths::kWindow},
           Case{300, 1, 1, 128, Deaths::kRandom},
           Case{66, 2, 1, 256, Deaths::kNone},
       })
    expect_attention<float>(c);
}

// Keys that died in earlier tiles are not read: NaN times a weight of 0 would be NaN.
template <class T>
void expect_dead_keys_unread(std::int64_t d_head, Device device) {
  Layer<T> layer({200, 4, 1, d_head, Deaths::kNone}, 5);
  const std::int64_t n_dead = 32, death = 64;  // tiles of 8 or 32 queries begin there
  std::fill_n(layer.until.begin(), n_dead, static_cast<std::int32_t>(death));
  const auto clean = layer.by_kernel(device);
  const auto nan = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
  for (std::int64_t j = 0; j < n_dead; ++j) {
    std::fill_n(layer.qk.begin() + j * layer.qk_stride() + 4 * d_head, d_head, nan);
    std::fill_n(layer.qkv.begin() + j * layer.qkv_stride() + layer.v_offset(), d_head, nan);
  }
  const auto poisoned = layer.by_kernel(device);
  const auto from = death * layer.out_stride();
  EXPECT_TRUE(std::isnan(static_cast<float>(poisoned[static_cast<std::size_t>(from) - 3])));
  EXPECT_TRUE(same_bits(KernelVector<T>(clean.begin() + from, clean.end()),
                        KernelVector<T>(poisoned.begin() + from, poisoned.end())));
}

TEST(IntervalAttentionKernel, DoesNotReadDeadKeys) {
  expect_dead_keys_unread<c10::BFloat16>(64, Device::kAny);
  expect_dead_keys_unread<c10::BFloat16>(64, Device::kHopper);
  expect_dead_keys_unread<float>(16, Device::kAny);
}

// Scores of equal keys are equal: the average of the values seen.
TEST(IntervalAttentionKernel, AveragesTheValuesOfEqualKeys) {
  const KernelVector<float> q{1, 1, 1, 1}, k{5, 5, 5, 5}, v{1, 2, 6, 100};
  const KernelVector<std::int32_t> until{3, 4, 3, 4};
  for (const bool by_reference : {false, true}) {
    KernelVector<float> out(4);
    const IntervalAttention<float> task{q.data(), k.data(),     v.data(), 1, 1, 1, out.data(),
                                        1,        until.data(), 4,        1, 1, 1, 1};
    if (by_reference)
      interval_attention_kernel_reference(task);
    else
      kByKernel(task);
    const std::vector<float> averages{1, 1.5, 3, 51};
    for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(out[i], averages[i]);
  }
}

// exp(80) and exp(-80) are nothing to a softmax; weights 1 : 3 by a difference of log 3.
TEST(IntervalAttentionKernel, TakesLargeScores) {
  const KernelVector<float> q{8, 8}, k{10, 10 + std::log(3.0F) / 8}, v{0, 4};
  const KernelVector<std::int32_t> until{2, 2};
  for (const float sign : {1.0F, -1.0F}) {
    const KernelVector<float> signed_q{sign * q[0], sign * q[1]};
    KernelVector<float> out(2);
    kByKernel(IntervalAttention<float>{signed_q.data(), k.data(), v.data(), 1, 1, 1, out.data(), 1,
                                       until.data(), 2, 1, 1, 1, 1});
    EXPECT_EQ(out[0], 0);
    EXPECT_NEAR(out[1], sign > 0 ? 3 : 1, 1e-4);
  }
}

TEST(IntervalAttentionKernel, RefusesWhatItHasNot) {
  KernelVector<float> out;
  const Layer<float> layer({2, 4, 2, 16, Deaths::kNone}, 1);
  auto task = layer.task(out);
  for (const std::int64_t d : {0, 257}) {
    task.d_head = d;
    EXPECT_THROW(kByKernel(task), std::invalid_argument) << d;
  }
  task = layer.task(out);
  task.n_heads = 3;
  EXPECT_THROW(kByKernel(task), std::invalid_argument);
}

TEST(IntervalAttentionKernel, RefusesRowsThatAreNotAligned) {
  KernelVector<c10::Half> out;
  const Layer<c10::Half> layer({2, 1, 1, 64, Deaths::kNone}, 1);
  const auto refuses = [&](auto&& change) {
    auto task = layer.task(out);
    change(task);
    EXPECT_THROW(kByKernel(task), std::invalid_argument);
  };
  refuses([](auto& task) { task.q += 4; });
  refuses([](auto& task) { task.k_stride += 4; });
  refuses([](auto& task) { task.v += 1; });
  refuses([](auto& task) { task.out_stride += 1; });
}

}  // namespace
}  // namespace kvcompare
