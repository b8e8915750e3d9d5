#include "worker/cpu/distribution_kernels.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/simd_targets.h"

namespace kvcompare {
namespace {

constexpr std::size_t kLongestRow = 70;

template <class T>
class DistributionKernels : public testing::Test {
 protected:
  static constexpr double kRelative = std::is_same_v<T, float> ? 1e-6 : 1e-14;

  std::vector<T> draw(std::size_t n, double scale) {
    std::normal_distribution<double> normal;
    std::vector<T> row;
    while (row.size() < n) row.push_back(static_cast<T>(normal(generator_) * scale));
    return row;
  }

  // By blocks of at most `longest`.
  static LogitRow row_of(const std::vector<T>& x, std::size_t longest) {
    LogitRow row;
    for (std::size_t i = 0; i < x.size(); i += longest)
      add_block(x.data() + i, std::min(longest, x.size() - i), static_cast<TokenId>(i), row);
    return row;
  }

  struct Distances {
    double kl, acceptance;
  };
  static Distances distances_of(const std::vector<T>& x, const std::vector<T>& x0, std::size_t longest) {
    const auto row = row_of(x, longest), row0 = row_of(x0, longest);
    RowDistance distance;
    for (std::size_t i = 0; i < x.size(); i += longest) {
      const auto n = std::min(longest, x.size() - i);
      const FencedArray<T> block(std::vector<T>(x.begin() + static_cast<std::ptrdiff_t>(i),
                                                x.begin() + static_cast<std::ptrdiff_t>(i + n)));
      const FencedArray<T> block0(std::vector<T>(x0.begin() + static_cast<std::ptrdiff_t>(i),
                                                 x0.begin() + static_cast<std::ptrdiff_t>(i + n)));
      add_block(block.span().data(), block0.span().data(), n, row.log_sum, row0.log_sum, distance);
    }
    return {kl_of<T>(distance, row.log_sum, row0.log_sum), acceptance_of(distance, row0.log_sum)};
  }

  // In long double, as the definitions say.
  static Distances naive(const std::vector<T>& x, const std::vector<T>& x0) {
    const auto log_p = [](const std::vector<T>& logits) {
      const long double largest = *std::ranges::max_element(logits);
      long double sum = 0;
      for (const T y : logits) sum += std::exp(static_cast<long double>(y) - largest);
      std::vector<long double> result;
      for (const T y : logits) result.push_back(static_cast<long double>(y) - largest - std::log(sum));
      return result;
    };
    const auto p = log_p(x), p0 = log_p(x0);
    long double kl = 0, acceptance = 0;
    for (std::size_t v = 0; v < p.size(); ++v) {
      kl += std::exp(p0[v]) * (p0[v] - p[v]);
      acceptance += std::exp(std::min(p[v], p0[v]));
    }
    return {static_cast<double>(kl), static_cast<double>(acceptance)};
  }

  std::mt19937_64 generator_{1};
};
using FloatAndDouble = testing::Types<float, double>;
TYPED_TEST_SUITE(DistributionKernels, FloatAndDouble);

TYPED_TEST(DistributionKernels, GiveKlAndAcceptanceAsDefined) {
  on_every_simd_target([&] {
    for (const std::size_t n : {1u, 2u, 7u, 16u, 17u, 70u, 3000u})
      for (const double noise : {0.01, 1.0, 5.0})
        for (const double shift : {0.0, 30.0}) {
          const auto x0 = this->draw(n, 4), noises = this->draw(n, noise);
          auto x = x0;
          for (std::size_t i = 0; i < n; ++i) x[i] += noises[i] + static_cast<TypeParam>(shift);
          const auto expected = this->naive(x, x0), ours = this->distances_of(x, x0, 64);
          const double tolerance = this->kRelative * (1 + shift) * std::max(1.0, expected.kl);
          ASSERT_NEAR(ours.kl, expected.kl, tolerance) << n << " " << noise << " " << shift;
          ASSERT_NEAR(ours.acceptance, expected.acceptance, tolerance) << n << " " << noise << " " << shift;
        }
  });
}

TYPED_TEST(DistributionKernels, GiveExactlyNoDistanceBetweenEqualRows) {
  on_every_simd_target([&] {
    for (std::size_t n = 1; n <= kLongestRow; ++n) {
      const auto x = this->draw(n, 6);
      const auto ours = this->distances_of(x, x, 16);
      ASSERT_EQ(ours.kl, 0);
      ASSERT_EQ(ours.acceptance, 1);
    }
  });
}

// p0 = (1/2, 1/2), p = (1/4, 3/4): kl = ln 2 - ln(3) / 2, and min(p, p0) adds up to 3/4.
TYPED_TEST(DistributionKernels, GiveTheDistanceOfTwoCoins) {
  const std::vector<TypeParam> x{0, std::log(TypeParam(3))}, x0{7, 7};
  const auto ours = this->distances_of(x, x0, 2);
  EXPECT_NEAR(ours.kl, std::log(2.0) - std::log(3.0) / 2, 1e-6);
  EXPECT_NEAR(ours.acceptance, 0.75, 1e-6);
}

// A token that is impossible under p costs what its logit says, and nothing is infinite or NaN.
TYPED_TEST(DistributionKernels, StandDistributionsWithoutCommonTokens) {
  const std::vector<TypeParam> x{-1000, 0}, x0{0, -1000};
  on_every_simd_target([&] {
    const auto ours = this->distances_of(x, x0, 2);
    EXPECT_NEAR(ours.kl, 1000, 1e-3);
    EXPECT_NEAR(ours.acceptance, 0, 1e-12);
  });
}

TYPED_TEST(DistributionKernels, FindTheFirstOfTheLargestLogits) {
  on_every_simd_target([&] {
    for (const std::size_t longest : {1u, 7u, 64u, 1000u})
      for (const std::size_t first : {0u, 1u, 63u, 64u, 100u, 298u}) {
        auto x = this->draw(300, 1);
        for (auto i = first; i < x.size(); i += 101) x[i] = 9;
        ASSERT_EQ(this->row_of(x, longest).top1, static_cast<TokenId>(first)) << longest;
      }
    const std::vector<TypeParam> equal(50, -3);
    EXPECT_EQ(this->row_of(equal, 16).top1, 0);
  });
}

TYPED_TEST(DistributionKernels, SumUpLogitsAsLogSumExpDoes) {
  const auto x = this->draw(300, 5);
  LogSumExp expected;
  for (std::size_t i = 0; i < x.size(); i += 64)
    add_block(x.data() + i, std::min<std::size_t>(64, x.size() - i), expected);
  EXPECT_EQ(this->row_of(x, 64).log_sum.value(), expected.value());
}

}  // namespace
}  // namespace kvcompare
