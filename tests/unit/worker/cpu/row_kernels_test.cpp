#include "worker/cpu/row_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/simd_targets.h"

namespace kvcompare {
namespace {

constexpr std::size_t kLongest = 70;
constexpr std::size_t kBeyond = 20;  // numbers after a row, which the kernels must leave alone

template <class T>
class RowKernels : public ::testing::Test {
 protected:
  static constexpr T kInfinity = std::numeric_limits<T>::infinity();
  static constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
  static constexpr T kHighest = std::numeric_limits<T>::max();
  static constexpr double kRelative = std::is_same_v<T, float> ? 2e-6 : 1e-14;

  std::vector<T> draw(std::size_t n, double scale = 1) {
    std::normal_distribution<double> normal;
    std::vector<T> row;
    while (row.size() < n) row.push_back(static_cast<T>(normal(generator_) * scale));
    return row;
  }

  // A row, and NaNs after it.
  std::vector<T> with_nans_beyond(std::vector<T> row) {
    row.insert(row.end(), kBeyond, kNaN);
    return row;
  }

  // expected is double arithmetic; sizes: what a rounding error is relative to.
  static void expect_row(const std::vector<T>& actual, const std::vector<double>& expected,
                         const std::vector<double>& sizes) {
    ASSERT_EQ(actual.size(), expected.size() + kBeyond);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(static_cast<double>(actual[i]), expected[i], kRelative * sizes[i] + 1e-37)
          << i << " of " << expected.size();
    for (std::size_t i = expected.size(); i < actual.size(); ++i)
      ASSERT_EQ(actual[i], T{-7}) << "beyond the row";
  }
  static std::vector<T> untouched(std::size_t n) { return std::vector<T>(n + kBeyond, T{-7}); }

  template <class F>
  static void for_every_length(F f) {
    on_every_simd_target([&] {
      for (std::size_t n = 1; n <= kLongest; ++n) {
        f(n);
        if (::testing::Test::HasFatalFailure()) return;
      }
    });
  }

  std::mt19937_64 generator_{1};
};
using FloatAndDouble = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RowKernels, FloatAndDouble);

// ---- RMSNorm

TYPED_TEST(RowKernels, RmsNormIsItsDefinition) {
  this->for_every_length([&](std::size_t n) {
    for (const double scale : {1e-3, 1.0, 1e3}) {  // epsilon counts, or not
      const auto x = this->with_nans_beyond(this->draw(n, scale)),
                 weight = this->with_nans_beyond(this->draw(n));
      double squares = 0;
      for (std::size_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      std::vector<double> expected, sizes;
      for (std::size_t i = 0; i < n; ++i) {
        expected.push_back(x[i] / std::sqrt(squares / static_cast<double>(n) + 1e-6) * weight[i]);
        sizes.push_back(std::abs(expected.back()));
      }
      auto out = this->untouched(n);
      rms_norm_row(x.data(), weight.data(), 1e-6, n, out.data());
      this->expect_row(out, expected, sizes);

      auto in_place = x;
      rms_norm_row(in_place.data(), weight.data(), 1e-6, n, in_place.data());
      ASSERT_TRUE(
          std::equal(in_place.begin(), in_place.begin() + static_cast<std::ptrdiff_t>(n), out.begin()));
    }
  });
}

TYPED_TEST(RowKernels, LayerNormIsItsDefinition) {
  this->for_every_length([&](std::size_t n) {
    if (n == 1) return;  // 0 / 0, but for epsilon
    const auto x = this->with_nans_beyond(this->draw(n, 3)), weight = this->with_nans_beyond(this->draw(n)),
               bias = this->with_nans_beyond(this->draw(n));
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < n; ++i) mean += static_cast<double>(x[i]) / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i)
      variance += std::pow(static_cast<double>(x[i]) - mean, 2) / static_cast<double>(n);
    for (const bool has_bias : {false, true}) {
      std::vector<double> expected, sizes;
      for (std::size_t i = 0; i < n; ++i) {
        const double weighted = (x[i] - mean) / std::sqrt(variance + 1e-6) * weight[i];
        expected.push_back(weighted + (has_bias ? static_cast<double>(bias[i]) : 0));
        sizes.push_back(8 * (1 + std::abs(mean) / std::sqrt(variance)) *
                        (std::abs(weight[i]) + std::abs(bias[i])));
      }
      auto out = this->untouched(n);
      layer_norm_row(x.data(), weight.data(), has_bias ? bias.data() : nullptr, 1e-6, n, out.data());
      this->expect_row(out, expected, sizes);
    }
  });
}

// (3, 4) has the mean square 12.5, and with epsilon 3.5 the root 4.
TEST(RmsNormRow, IsWhatItIsByHand) {
  const std::vector<double> x{3, 4}, weight{4, -2};
  std::vector<double> out(2);
  rms_norm_row(x.data(), weight.data(), 3.5, 2, out.data());
  EXPECT_DOUBLE_EQ(out[0], 3);
  EXPECT_DOUBLE_EQ(out[1], -2);
}

// ---- RoPE

TYPED_TEST(RowKernels, RotateTurnsEveryPairByItsAngle) {
  this->for_every_length([&](std::size_t n) {
    const auto x = this->with_nans_beyond(this->draw(2 * n));
    std::vector<TypeParam> cos, sin;
    for (const auto angle : this->draw(n, 2)) {
      cos.push_back(std::cos(angle));
      sin.push_back(std::sin(angle));
    }
    std::vector<double> expected(2 * n), sizes;
    for (std::size_t i = 0; i < n; ++i) {
      const double a = x[i], b = x[i + n], c = cos[i], s = sin[i];
      expected[i] = a * c - b * s;
      expected[i + n] = b * c + a * s;
    }
    for (std::size_t i = 0; i < 2 * n; ++i)
      sizes.push_back(std::hypot(static_cast<double>(x[i]), static_cast<double>(x[(i + n) % (2 * n)])));
    auto out = this->untouched(2 * n);
    const auto c = this->with_nans_beyond(cos), s = this->with_nans_beyond(sin);
    rotate_row(x.data(), c.data(), s.data(), n, out.data());
    this->expect_row(out, expected, sizes);

    auto in_place = x;
    rotate_row(in_place.data(), c.data(), s.data(), n, in_place.data());
    ASSERT_TRUE(
        std::equal(in_place.begin(), in_place.begin() + static_cast<std::ptrdiff_t>(2 * n), out.begin()));
  });
}

// ---- SiLU

TYPED_TEST(RowKernels, SiluMulIsItsDefinition) {
  this->for_every_length([&](std::size_t n) {
    for (const double scale : {1.0, 20.0}) {
      const auto gate = this->with_nans_beyond(this->draw(n, scale)),
                 up = this->with_nans_beyond(this->draw(n));
      std::vector<double> expected, sizes;
      for (std::size_t i = 0; i < n; ++i) {
        const double x = gate[i];
        expected.push_back(x / (1 + std::exp(-x)) * up[i]);
        // e^x itself is right but for the rounding of x.
        sizes.push_back(std::abs(expected.back()) * (1 + std::abs(x)));
      }
      auto out = this->untouched(n);
      gate_row({}, gate.data(), up.data(), n, out.data());
      this->expect_row(out, expected, sizes);

      auto in_place = gate;
      gate_row({}, in_place.data(), up.data(), n, in_place.data());
      ASSERT_TRUE(
          std::equal(in_place.begin(), in_place.begin() + static_cast<std::ptrdiff_t>(n), out.begin()));
    }
  });
}

// As the papers define them; the parameters of xIELU are near those of a trained model.
double defined(Activation activation, double x, const XieluParameters& p) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kSquaredRelu:
      return x > 0 ? x * x : 0;
    case Activation::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Activation::kXielu:
    case Activation::kClampedSwiglu:  // below
      break;
  }
  return x > 0 ? p.alpha_p * x * x + p.beta * x
               : (std::expm1(std::fmin(x, p.epsilon)) - x) * p.alpha_n + p.beta * x;
}

TYPED_TEST(RowKernels, EveryActivationIsItsDefinition) {
  const XieluParameters xielu{.alpha_p = 0.7, .alpha_n = 1.1, .beta = 0.5, .epsilon = -1e-6};
  for (const auto activation :
       {Activation::kSilu, Activation::kSquaredRelu, Activation::kGeluTanh, Activation::kXielu})
    this->for_every_length([&](std::size_t n) {
      const auto x = this->with_nans_beyond(this->draw(n, 3)), up = this->with_nans_beyond(this->draw(n));
      for (const bool is_gated : {false, true}) {
        std::vector<double> expected, sizes;
        for (std::size_t i = 0; i < n; ++i) {
          const double factor = is_gated ? static_cast<double>(up[i]) : 1;
          expected.push_back(defined(activation, static_cast<double>(x[i]), xielu) * factor);
          sizes.push_back(4 * (1 + std::abs(static_cast<double>(x[i]))) * std::abs(factor));
        }
        auto out = this->untouched(n);
        gate_row({.activation = activation, .xielu = xielu}, x.data(), is_gated ? up.data() : nullptr, n,
                 out.data());
        this->expect_row(out, expected, sizes);
      }
    });
}

// Gate and up within the limit and beyond it on either side.
TYPED_TEST(RowKernels, ClampedSwigluIsItsDefinition) {
  const SwigluClamp clamp{.alpha = 1.702, .limit = 1.25};
  this->for_every_length([&](std::size_t n) {
    const auto x = this->with_nans_beyond(this->draw(n, 3)), up = this->with_nans_beyond(this->draw(n, 3));
    std::vector<double> expected, sizes;
    for (std::size_t i = 0; i < n; ++i) {
      const double gate = std::fmin(static_cast<double>(x[i]), clamp.limit);
      const double factor = 1 + std::clamp(static_cast<double>(up[i]), -clamp.limit, clamp.limit);
      expected.push_back(gate / (1 + std::exp(-clamp.alpha * gate)) * factor);
      sizes.push_back(4 * (1 + std::abs(gate)) * 3);
    }
    auto out = this->untouched(n);
    gate_row({.activation = Activation::kClampedSwiglu, .clamp = clamp}, x.data(), up.data(), n, out.data());
    this->expect_row(out, expected, sizes);
  });
}

// Otherwise a model that has gone wrong would seem to be well.
TYPED_TEST(RowKernels, WhatIsNotANumberStaysSoInEveryActivation) {
  for (const auto activation : {Activation::kSilu, Activation::kSquaredRelu, Activation::kGeluTanh,
                                Activation::kXielu, Activation::kClampedSwiglu})
    this->for_every_length([&](std::size_t n) {
      const std::vector<TypeParam> numbers(n, 1), none(n, this->kNaN);
      const RowGating gating{.activation = activation,
                             .xielu = {.alpha_p = 1, .alpha_n = 1, .beta = 0.5, .epsilon = -1e-6},
                             .clamp = {.alpha = 1.702, .limit = 7}};
      const auto expect_none = [&](const auto& gate, const auto& up) {
        std::vector<TypeParam> out(n);
        gate_row(gating, gate.data(), up.data(), n, out.data());
        for (const auto number : out) EXPECT_TRUE(std::isnan(number));
      };
      expect_none(none, numbers);
      expect_none(numbers, none);
    });
}

// Far from 0 they are 0 or what they grow like; nothing overflows on the way.
TYPED_TEST(RowKernels, ActivationsOfLargeNumbersAreFinite) {
  using T = TypeParam;
  on_every_simd_target([] {
    const std::vector<T> x{-1000, -100, 100, 1000};
    std::vector<T> out(4);
    gate_row({.activation = Activation::kGeluTanh}, x.data(), static_cast<const T*>(nullptr), 4, out.data());
    EXPECT_EQ(out, (std::vector<T>{0, 0, 100, 1000}));
    const RowGating xielu{.activation = Activation::kXielu,
                          .xielu = {.alpha_p = 1, .alpha_n = 1, .beta = 0.5, .epsilon = -1e-6}};
    gate_row(xielu, x.data(), static_cast<const T*>(nullptr), 4, out.data());
    EXPECT_EQ(out, (std::vector<T>{499, 49, 10050, 1000500}));  // (-1 - x) + x / 2; x^2 + x / 2
  });
}

// silu(x) is 0 far below 0, x far above; nothing overflows on the way.
TYPED_TEST(RowKernels, SiluMulStandsLargeGates) {
  std::vector<TypeParam> gate;
  for (double x = 80; x < 2e4; x += x < 1200 ? 1 : 100) gate.push_back(static_cast<TypeParam>(x));
  for (const double x : {1e5, 1e10, 1e30}) gate.push_back(static_cast<TypeParam>(x));
  const std::vector<TypeParam> two(gate.size(), 2);
  on_every_simd_target([&] {
    auto out = gate;
    gate_row({}, gate.data(), two.data(), gate.size(), out.data());
    for (std::size_t i = 0; i < gate.size(); ++i) ASSERT_EQ(out[i], 2 * gate[i]) << gate[i];
    auto negative = gate;
    for (auto& x : negative) x = -x;
    gate_row({}, negative.data(), two.data(), gate.size(), out.data());
    for (std::size_t i = 0; i < gate.size(); ++i)
      ASSERT_NEAR(static_cast<double>(out[i]), 0, 2e-32) << negative[i];  // 2 * 80 * e^-80 is 3e-33
  });
}

// ---- finite or not

TYPED_TEST(RowKernels, AllFiniteFindsOneNumberThatIsNot) {
  this->for_every_length([&](std::size_t n) {
    auto x = this->with_nans_beyond(this->draw(n));
    ASSERT_TRUE(all_finite(x.data(), n)) << n;
    for (std::size_t i = 0; i < n; ++i)
      for (const auto bad : {this->kInfinity, -this->kInfinity, this->kNaN, -this->kNaN}) {
        const auto good = std::exchange(x[i], bad);
        ASSERT_FALSE(all_finite(x.data(), n)) << n << ": " << bad << " at " << i;
        x[i] = good;
      }
  });
}

TYPED_TEST(RowKernels, AllFiniteDoesNotAddNumbersUp) {
  on_every_simd_target([&] {
    const std::vector<TypeParam> highest(kLongest, this->kHighest), lowest(kLongest, -this->kHighest);
    const std::vector<TypeParam> tiny(kLongest, std::numeric_limits<TypeParam>::denorm_min());
    EXPECT_TRUE(all_finite(highest.data(), kLongest));
    EXPECT_TRUE(all_finite(lowest.data(), kLongest));
    EXPECT_TRUE(all_finite(tiny.data(), kLongest));
    const std::vector<TypeParam> both{this->kInfinity, -this->kInfinity};
    EXPECT_FALSE(all_finite(both.data(), 2));
    EXPECT_TRUE(all_finite(both.data(), 0));
  });
}

// ---- log-sum-exp

template <class T>
double log_sum_exp(const std::vector<T>& x) {
  long double sum = 0;
  const long double highest = *std::max_element(x.begin(), x.end());
  for (const T y : x) sum += std::exp(static_cast<long double>(y) - highest);
  return static_cast<double>(highest + std::log(sum));
}

TYPED_TEST(RowKernels, AddBlockIsLogSumExp) {
  this->for_every_length([&](std::size_t n) {
    for (const double scale : {0.1, 5.0}) {
      const auto x = this->draw(n, scale);
      LogSumExp total;
      add_block(this->with_nans_beyond(x).data(), n, total);
      ASSERT_NEAR(total.value(), log_sum_exp(x), this->kRelative) << n;
      ASSERT_EQ(total.max, *std::max_element(x.begin(), x.end())) << n;
    }
  });
}

TYPED_TEST(RowKernels, AddBlockInBlocksIsTheWhole) {
  on_every_simd_target([&] {
    auto x = this->draw(5000, 4);
    for (const int order : {0, 1, 2}) {  // as drawn; the maximum rises; it falls
      if (order == 1) std::sort(x.begin(), x.end());
      if (order == 2) std::sort(x.rbegin(), x.rend());
      for (const std::size_t longest : {1, 3, 17, 64, 1000, 5000}) {
        LogSumExp total;
        for (std::size_t begin = 0; begin < x.size();) {
          const auto n =
              std::min(x.size() - begin, this->generator_() % longest + (longest == 5000 ? 5000 : 1));
          add_block(x.data() + begin, n, total);
          begin += n;
        }
        // One lane may add up all 5000.
        ASSERT_NEAR(total.value(), log_sum_exp(x), 20 * this->kRelative)
            << order << ", blocks up to " << longest;
      }
    }
  });
}

TYPED_TEST(RowKernels, AddBlockOfNothingAddsNothing) {
  const auto x = this->draw(9);
  on_every_simd_target([&] {
    LogSumExp before, after;
    add_block(x.data(), 0, before);
    add_block(x.data(), 9, before);
    add_block(x.data(), 9, after);
    add_block(x.data(), 0, after);
    ASSERT_EQ(before.value(), after.value());
    ASSERT_NEAR(after.value(), log_sum_exp(x), this->kRelative);
  });
}

// e^10000 is infinite and e^-10000 is 0 in both types.
TYPED_TEST(RowKernels, AddBlockStandsHugeLogits) {
  const double log_70 = std::log(70.0);
  on_every_simd_target([&] {
    for (const double huge : {1e4, -1e4, 1e30, -1e30}) {
      const auto logit = static_cast<TypeParam>(huge);
      const std::vector<TypeParam> same(70, logit);
      LogSumExp total;
      add_block(same.data(), 70, total);
      EXPECT_DOUBLE_EQ(total.value(), static_cast<double>(logit) + log_70);
    }
    const std::vector<TypeParam> low(70, TypeParam(-1e4)),
        mixed{TypeParam(1e4), 0, TypeParam(-1e4), TypeParam(1e4)};
    for (const bool low_first : {true, false}) {
      LogSumExp total;
      if (low_first) add_block(low.data(), 70, total);
      add_block(mixed.data(), 4, total);
      if (!low_first) add_block(low.data(), 70, total);
      EXPECT_DOUBLE_EQ(total.value(), 1e4 + std::log(2.0)) << low_first;
    }
    const std::vector<TypeParam> apart{-this->kHighest, this->kHighest};
    LogSumExp total;
    add_block(apart.data(), 2, total);
    EXPECT_EQ(total.value(), static_cast<double>(this->kHighest));
  });
}

TYPED_TEST(RowKernels, AddBlockIsNotFiniteOnceANumberIsNot) {
  this->for_every_length([&](std::size_t n) {
    const auto x = this->draw(n);
    for (std::size_t i = 0; i < n; ++i)
      for (const auto bad : {this->kInfinity, -this->kInfinity, this->kNaN, -this->kNaN}) {
        auto y = x;
        y[i] = bad;
        LogSumExp first, second;
        add_block(y.data(), n, first);
        ASSERT_FALSE(std::isfinite(first.value())) << n << ": " << bad << " at " << i;
        add_block(x.data(), n, first);
        ASSERT_FALSE(std::isfinite(first.value())) << "forgotten, " << n << ": " << bad << " at " << i;
        add_block(x.data(), n, second);
        add_block(y.data(), n, second);
        ASSERT_FALSE(std::isfinite(second.value())) << "later, " << n << ": " << bad << " at " << i;
      }
  });
}

}  // namespace
}  // namespace kvcompare
