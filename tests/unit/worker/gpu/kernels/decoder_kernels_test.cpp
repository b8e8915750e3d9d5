#include "worker/gpu/kernels/decoder_kernels.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>

#include <gtest/gtest.h>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "tests/kernels/reference/decoder_kernels_reference.h"
#include "tests/support/kernel_run.h"

namespace kvcompare {
namespace {

constexpr auto kByKernel = [](const auto& task) {
  run_kernel(task, [](const auto& t) { decoder_kernel(t, nullptr); });
};
constexpr auto kByReference = [](const auto& task) { decoder_kernel_reference(task); };

template <class T>
KernelVector<T> random_numbers(std::int64_t n, unsigned seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  KernelVector<T> values(static_cast<std::size_t>(n));
  for (auto& value : values) value = static_cast<T>(normal(generator));
  return values;
}

// Half a unit in the last place of T, twice over: a sum in another order may be rounded to the neighbour.
template <class T>
float tolerance() {
  return std::is_same_v<T, float> ? 4e-6F : std::is_same_v<T, c10::Half> ? 2e-3F : 1.6e-2F;
}

template <class T>
void expect_close(const KernelVector<T>& actual, const KernelVector<T>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const auto e = static_cast<float>(expected[i]);
    ASSERT_NEAR(static_cast<float>(actual[i]), e, tolerance<T>() * std::max(1.0F, std::abs(e))) << i;
  }
}

template <class T>
void expect_same_bits(const KernelVector<T>& a, const KernelVector<T>& b) {
  ASSERT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(T)), 0);
}

// run(call): what a kernel makes of its task, which it hands to `call`. The same bits in either order of
// warps.
template <class Run>
void expect_as_reference(const Run& run) {
  const auto expected = run(kByReference);
  const auto forward = run(kByKernel);
  set_reverse_warps(true);
  expect_same_bits(forward, run(kByKernel));
  set_reverse_warps(false);
  expect_close(forward, expected);
}

template <class T>
class DecoderKernels : public testing::Test {
 protected:
  ~DecoderKernels() override { set_reverse_warps(false); }
};
using Types = testing::Types<float, c10::Half, c10::BFloat16>;
TYPED_TEST_SUITE(DecoderKernels, Types);

TYPED_TEST(DecoderKernels, AddsAndNorms) {
  using T = TypeParam;
  struct Kind {
    bool adds;
    float multiplier, offset;
    bool is_centred, has_bias;
  };
  for (const std::int64_t d : {1, 7, 32, 260, 4096})
    for (const auto& kind :
         {Kind{false, 1, 0, false, false}, Kind{true, 1, 0, false, false}, Kind{true, 0.25F, 1, false, false},
          Kind{true, 1, 0, true, true}, Kind{false, 1, 1, true, false}}) {
      if (d == 1 && kind.is_centred) continue;  // 0 / 0, but for epsilon
      const std::int64_t n = 3;
      const auto x = random_numbers<T>(n * d, 1), delta = random_numbers<T>(n * d, 2),
                 weight = random_numbers<T>(d, 3), bias = random_numbers<T>(d, 4);
      const auto run = [&](auto&& call) {
        auto residual = x;
        KernelVector<T> out(x.size());
        call(AddNorm<T>{.x = residual.data(),
                        .delta = kind.adds ? delta.data() : nullptr,
                        .weight = weight.data(),
                        .bias = kind.has_bias ? bias.data() : nullptr,
                        .out = out.data(),
                        .n_rows = n,
                        .d_model = d,
                        .x_stride = d,
                        .out_stride = d,
                        .multiplier = kind.multiplier,
                        .epsilon = 1e-5F,
                        .offset = kind.offset,
                        .is_centred = kind.is_centred});
        residual.insert(residual.end(), out.begin(), out.end());
        return residual;
      };
      expect_as_reference(run);
    }
}

// As queries are normed over all heads: the rows are parts of longer ones, whose rest stays.
TYPED_TEST(DecoderKernels, NormsInPlaceWhereRowsLieApart) {
  using T = TypeParam;
  for (const std::int64_t d : {7, 32, 264}) {
    const std::int64_t n = 3, stride = 2 * d + 8;
    const auto rows = random_numbers<T>(n * stride, 1), weight = random_numbers<T>(d, 3);
    const auto run = [&](auto&& call) {
      auto x = rows;
      call(AddNorm<T>{.x = x.data(),
                      .weight = weight.data(),
                      .out = x.data(),
                      .n_rows = n,
                      .d_model = d,
                      .x_stride = stride,
                      .out_stride = stride,
                      .epsilon = 1e-5F});
      return x;
    };
    expect_as_reference(run);
  }
}

TYPED_TEST(DecoderKernels, AddsAloneWhereNoNormFollows) {
  using T = TypeParam;
  auto x = random_numbers<T>(64, 1);
  const auto before = x, delta = random_numbers<T>(64, 2);
  kByKernel(AddNorm<T>{.x = x.data(), .delta = delta.data(), .n_rows = 2, .d_model = 32, .x_stride = 32});
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(static_cast<float>(x[i]),
              static_cast<float>(T(static_cast<float>(before[i]) + static_cast<float>(delta[i]))));
}

TYPED_TEST(DecoderKernels, NormsAndRotatesHeads) {
  using T = TypeParam;
  struct Shape {
    std::int64_t n_tokens, n_heads, n_kv_heads, d_head;
    bool norms;
  };
  for (const auto& shape : {Shape{1, 1, 1, 2, false}, Shape{5, 4, 2, 80, true}, Shape{9, 7, 1, 128, false},
                            Shape{3, 8, 8, 256, true}}) {
    const auto n_heads = shape.n_heads + shape.n_kv_heads, d = shape.d_head;
    const auto stride = (n_heads + shape.n_kv_heads) * d;  // values behind the keys
    const auto heads = random_numbers<T>(shape.n_tokens * stride, 4);
    const auto q_norm = random_numbers<T>(d, 5), k_norm = random_numbers<T>(d, 6);
    KernelVector<float> cos, sin, scaled_cos, scaled_sin;
    for (const auto angle : random_numbers<float>(shape.n_tokens * d / 2, 7, 3)) {
      cos.push_back(std::cos(angle));
      sin.push_back(std::sin(angle));
      scaled_cos.push_back(1.5F * cos.back());
      scaled_sin.push_back(1.5F * sin.back());
    }
    const auto run = [&](auto&& call) {
      auto x = heads;
      KernelVector<T> rotated(static_cast<std::size_t>(shape.n_tokens * n_heads * d));
      call(RotateHeads<T>{x.data(), stride, shape.norms ? q_norm.data() : nullptr,
                          shape.norms ? k_norm.data() : nullptr, scaled_cos.data(), scaled_sin.data(),
                          cos.data(), sin.data(), rotated.data(), shape.n_tokens, shape.n_heads,
                          shape.n_kv_heads, d, 1e-6F, shape.n_heads == 8 ? 1.0F : 0.0F});
      x.insert(x.end(), rotated.begin(), rotated.end());
      return x;
    };
    expect_as_reference(run);
  }
}

TYPED_TEST(DecoderKernels, MultipliesByTheGate) {
  using T = TypeParam;
  const KernelVector<T> parameters{T(0.3F), T(-0.4F), T(0.5F), T(-1e-6F)};
  for (const std::int64_t d : {1, 20, 24, 600, 4104})
    for (const auto function :
         {GatingFunction::kSilu, GatingFunction::kSquaredRelu, GatingFunction::kGeluTanh,
          GatingFunction::kXielu, GatingFunction::kClampedSwiglu})
      for (const bool is_gated : {true, false}) {
        if (function == GatingFunction::kClampedSwiglu && !is_gated) continue;
        auto gate_up = random_numbers<T>(2 * (is_gated ? 2 : 1) * d, 8, 3);
        gate_up[0] = static_cast<T>(-300.0F);  // exp overflows: silu gives 0
        KernelVector<T> out(static_cast<std::size_t>(2 * d)), expected(out.size());
        const Gating<T> task{.function = function,
                             .is_gated = is_gated,
                             .gate_up = gate_up.data(),
                             .out = out.data(),
                             .n_rows = 2,
                             .d_ff = d,
                             .parameters = parameters.data(),
                             .alpha = 1.702F,
                             .limit = 2};
        kByKernel(task);
        auto of_reference = task;
        of_reference.out = expected.data();
        decoder_kernel_reference(of_reference);
        expect_close(out, expected);
      }
}

TYPED_TEST(DecoderKernels, GatingMakesNoNumberOfWhatIsNone) {
  using T = TypeParam;
  const KernelVector<T> parameters{T(0.3F), T(-0.4F), T(0.5F), T(-1e-6F)};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const KernelVector<T> gate_up{T(nan), T(1.0F), T(1.0F), T(nan)};  // gate and up of either row
  for (const auto function : {GatingFunction::kSilu, GatingFunction::kSquaredRelu, GatingFunction::kGeluTanh,
                              GatingFunction::kXielu, GatingFunction::kClampedSwiglu}) {
    KernelVector<T> out(2);
    kByKernel(Gating<T>{.function = function,
                        .is_gated = true,
                        .gate_up = gate_up.data(),
                        .out = out.data(),
                        .n_rows = 2,
                        .d_ff = 1,
                        .parameters = parameters.data(),
                        .alpha = 1.702F,
                        .limit = 2});
    for (const auto& number : out) EXPECT_TRUE(std::isnan(static_cast<float>(number)));
  }
}

TYPED_TEST(DecoderKernels, LogLikelihoodOfTargets) {
  using T = TypeParam;
  for (const std::int64_t vocab : {1, 31, 256, 5003}) {
    const auto logits = random_numbers<T>(3 * vocab, 9, 8);
    const KernelVector<std::int64_t> targets{0, vocab / 2, vocab - 1};
    KernelVector<float> nll(3), reversed(3), expected(3);
    KernelVector<std::int32_t> top1(3), top1_reversed(3), top1_expected(3);
    kByKernel(CrossEntropy<T>{logits.data(), targets.data(), nll.data(), top1.data(), 3, vocab});
    set_reverse_warps(true);
    kByKernel(
        CrossEntropy<T>{logits.data(), targets.data(), reversed.data(), top1_reversed.data(), 3, vocab});
    set_reverse_warps(false);
    decoder_kernel_reference(
        CrossEntropy<T>{logits.data(), targets.data(), expected.data(), top1_expected.data(), 3, vocab});
    expect_same_bits(nll, reversed);
    for (std::size_t r = 0; r < 3; ++r)
      EXPECT_NEAR(nll[r], expected[r], 1e-5F * std::max(1.0F, expected[r])) << vocab;
    EXPECT_EQ(top1, top1_expected);
    EXPECT_EQ(top1_reversed, top1_expected);
  }
}

// Logits of which many are equal: the smallest id among the largest.
TYPED_TEST(DecoderKernels, TheFirstOfEqualLogitsIsTheMostLikely) {
  using T = TypeParam;
  constexpr std::int64_t kVocab = 5003;
  for (const std::int64_t first : {0, 31, 32, 255, 256, 700, 5002}) {
    KernelVector<T> logits(kVocab, T(-1.0F));
    for (auto c = first; c < kVocab; c += 257) logits[static_cast<std::size_t>(c)] = T(2.0F);
    logits.back() = T(2.0F);
    const KernelVector<std::int64_t> targets{0};
    KernelVector<float> nll(1);
    KernelVector<std::int32_t> top1(1);
    kByKernel(CrossEntropy<T>{logits.data(), targets.data(), nll.data(), top1.data(), 1, kVocab});
    EXPECT_EQ(top1[0], first);
  }
}

TYPED_TEST(DecoderKernels, CompareDistributions) {
  using T = TypeParam;
  for (const std::int64_t vocab : {1, 31, 256, 5003})
    for (const float noise : {0.0F, 1e-2F, 3.0F}) {
      const auto reference = random_numbers<T>(3 * vocab, 9, 4),
                 noises = random_numbers<T>(3 * vocab, 10, std::max(noise, 1e-3F));
      auto logits = reference;
      // All logits of a row shifted alike change nothing.
      for (std::size_t i = 0; i < logits.size() && noise > 0; ++i)
        logits[i] = T(static_cast<float>(logits[i]) + static_cast<float>(noises[i]) + 5.0F);
      const auto run = [&](auto&& call) {
        KernelVector<float> numbers(6);
        call(CompareRows<T>{logits.data(), reference.data(), numbers.data(), numbers.data() + 3, 3, vocab});
        return numbers;
      };
      const auto expected = run(kByReference), forward = run(kByKernel);
      set_reverse_warps(true);
      expect_same_bits(forward, run(kByKernel));
      set_reverse_warps(false);
      for (std::size_t i = 0; i < 6; ++i)
        EXPECT_NEAR(forward[i], expected[i], 3e-6F * std::max(1.0F, expected[i])) << vocab << " " << noise;
      if (noise == 0) {
        EXPECT_EQ(forward, (KernelVector<float>{0, 0, 0, 1, 1, 1}));
      }
    }
}

TEST(DecoderKernelsByHand, NormOfThreeAndFour) {
  KernelVector<float> x{1, 5}, out(2);
  const KernelVector<float> delta{2, -1}, weight{2, 10};  // x becomes 3, 4; mean square 12.5
  kByKernel(AddNorm<float>{.x = x.data(),
                           .delta = delta.data(),
                           .weight = weight.data(),
                           .out = out.data(),
                           .n_rows = 1,
                           .d_model = 2,
                           .x_stride = 2,
                           .out_stride = 2});
  EXPECT_EQ(x, (KernelVector<float>{3, 4}));
  EXPECT_NEAR(out[0], 2 * 3 / std::sqrt(12.5), 1e-6);
  EXPECT_NEAR(out[1], 10 * 4 / std::sqrt(12.5), 1e-5);
}

TEST(DecoderKernelsByHand, UniformLogitsCostTheLogOfTheVocabulary) {
  const KernelVector<float> logits(1000, 3);
  const KernelVector<std::int64_t> targets{17};
  KernelVector<float> nll(1);
  KernelVector<std::int32_t> top1(1);
  kByKernel(CrossEntropy<float>{logits.data(), targets.data(), nll.data(), top1.data(), 1, 1000});
  EXPECT_NEAR(nll[0], std::log(1000.0), 1e-5);
  EXPECT_EQ(top1[0], 0);
}

// p0 = (1/2, 1/2), p = (1/4, 3/4): kl = ln 2 - ln(3) / 2, and min(p, p0) adds up to 3/4.
TEST(DecoderKernelsByHand, DistanceOfTwoCoins) {
  const KernelVector<float> logits{0, std::log(3.0F)}, reference{7, 7};
  KernelVector<float> kl(1), acceptance(1);
  kByKernel(CompareRows<float>{logits.data(), reference.data(), kl.data(), acceptance.data(), 1, 2});
  EXPECT_NEAR(kl[0], std::log(2.0) - std::log(3.0) / 2, 1e-6);
  EXPECT_NEAR(acceptance[0], 0.75, 1e-6);
}

TEST(DecoderKernelsByHand, AQuarterTurn) {
  KernelVector<float> heads{1, 2, 3, 4}, rotated(4);
  const KernelVector<float> cos{0, 0}, sin{1, 1};
  kByKernel(RotateHeads<float>{heads.data(), 4, nullptr, nullptr, cos.data(), sin.data(), nullptr, nullptr,
                               rotated.data(), 1, 1, 0, 4, 0});
  EXPECT_EQ(rotated, (KernelVector<float>{-3, -4, 1, 2}));
}

// The first head is of queries, the second of keys.
TEST(DecoderKernelsByHand, QueriesAreScaledAsTheyTurn) {
  KernelVector<float> heads{1, 2, 3, 4, 1, 2, 3, 4}, rotated(8);
  const KernelVector<float> q_cos{0, 0}, q_sin{2, 2}, k_cos{0, 0}, k_sin{1, 1};
  kByKernel(RotateHeads<float>{.heads = heads.data(),
                               .stride = 8,
                               .q_cos = q_cos.data(),
                               .q_sin = q_sin.data(),
                               .k_cos = k_cos.data(),
                               .k_sin = k_sin.data(),
                               .rotated = rotated.data(),
                               .n_tokens = 1,
                               .n_heads = 1,
                               .n_kv_heads = 1,
                               .d_head = 4});
  EXPECT_EQ(rotated, (KernelVector<float>{-6, -8, 2, 4, -3, -4, 1, 2}));
}

}  // namespace
}  // namespace kvcompare
