#include "presses/schedule/attention_row.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/property/random_model.h"
#include "tests/support/simd_targets.h"

namespace kvcompare {
namespace {

// Longer than four vectors of any instruction set, with every remainder.
constexpr std::size_t kLongest = 70;

template <class T>
class AttentionRow : public testing::Test {
 protected:
  static constexpr T kOut = -std::numeric_limits<T>::infinity();
  static constexpr double kRelative = sizeof(T) == 4 ? 4e-6 : 1e-14;

  AttentionRow() : generator_(property_seed()) {
    this->RecordProperty("seed", std::to_string(property_seed()));
  }

  std::vector<T> draw(std::size_t n, double scale) {
    std::normal_distribution<double> normal(0, scale);
    std::vector<T> values(n);
    for (auto& value : values) value = static_cast<T>(normal(generator_));
    return values;
  }

  // 0 or out; at least one is 0.
  std::vector<T> draw_bias(std::size_t n) {
    std::vector<T> bias(n);
    const auto out_one_in = 1 + generator_() % 3;
    for (auto& b : bias) b = generator_() % out_one_in == 0 ? kOut : T{0};
    bias[generator_() % n] = 0;
    return bias;
  }

  static std::vector<double> softmax(const std::vector<T>& logits, const std::vector<T>& bias) {
    double highest = kOut, sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (bias[i] == 0) highest = std::max(highest, static_cast<double>(logits[i]));
    std::vector<double> weights(logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (bias[i] == 0) weights[i] = std::exp(static_cast<double>(logits[i]) - highest);
      sum += weights[i];
    }
    for (auto& weight : weights) weight /= sum;
    return weights;
  }

  static std::vector<double> received(const std::vector<T>& logits, const std::vector<T>& bias) {
    auto overwritten = logits;
    std::vector<double> received(logits.size());
    add_attention_row(std::span(overwritten), bias, received);
    return received;
  }

  std::mt19937_64 generator_;
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(AttentionRow, Precisions);

TYPED_TEST(AttentionRow, IsTheSoftmax) {
  const auto log3 = static_cast<TypeParam>(std::log(3.0));
  const auto received = this->received({0, log3, 0}, {0, 0, 0});
  EXPECT_NEAR(received[0], 0.2, 0.2 * this->kRelative);
  EXPECT_NEAR(received[1], 0.6, 0.6 * this->kRelative);
  EXPECT_NEAR(received[2], 0.2, 0.2 * this->kRelative);
}

TYPED_TEST(AttentionRow, GivesNothingToAKeyTakenOut) {
  EXPECT_EQ(this->received({500, 1, 1}, {this->kOut, 0, 0}), (std::vector<double>{0, 0.5, 0.5}));
  EXPECT_EQ(this->received({3}, {0}), (std::vector<double>{1}));
}

TYPED_TEST(AttentionRow, AddsToWhatHasBeenReceived) {
  std::vector<TypeParam> logits{2, 2};
  const std::vector<TypeParam> bias{0, 0};
  std::vector<double> received{10, 0.25};
  add_attention_row(std::span(logits), bias, received);
  EXPECT_EQ(received, (std::vector<double>{10.5, 0.75}));
}

TYPED_TEST(AttentionRow, SharesEquallyAmongEqualsInRowsOfEveryLength) {
  on_every_simd_target([&] {
    for (std::size_t n = 1; n <= kLongest; ++n) {
      const std::vector<TypeParam> logits(n, TypeParam{-3}), bias(n);
      for (const auto weight : this->received(logits, bias))
        ASSERT_NEAR(weight * static_cast<double>(n), 1, this->kRelative) << "of " << n;
    }
  });
}

TYPED_TEST(AttentionRow, IsTheDefinitionInRowsOfEveryLength) {
  SCOPED_TRACE("KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()));
  on_every_simd_target([&] {
    for (std::size_t n = 1; n <= kLongest; ++n)
      for (const double scale : {1.0, 8.0}) {
        const auto logits = this->draw(n, scale);
        const auto bias = this->draw_bias(n);
        const auto expected = this->softmax(logits, bias);
        FencedArray<TypeParam> overwritten(logits), fenced_bias(bias);
        FencedArray<double> received(std::vector<double>(n, 0));
        add_attention_row(overwritten.span(), fenced_bias.span(), received.span());
        for (std::size_t i = 0; i < n; ++i)
          ASSERT_NEAR(received[i], expected[i], this->kRelative * expected[i]) << i << " of " << n;
      }
  });
}

// Each place of a row in turn holds the highest logit, or the only key left; others would overflow exp if the
// row were not shifted by it.
TYPED_TEST(AttentionRow, FindsTheHighestLogitWhereverItIs) {
  on_every_simd_target([&] {
    for (const std::size_t n : {1, 7, 33, 70})
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<TypeParam> logits(n, TypeParam{1000}), bias(n, this->kOut);
        std::vector<double> only(n, 0);
        only[i] = 1;
        bias[i] = 0;
        logits[i] = -1000;
        ASSERT_EQ(this->received(logits, bias), only) << i << " of " << n;
        ASSERT_EQ(this->received(std::vector<TypeParam>(bias.begin(), bias.end()), bias), only);
        logits.assign(n, TypeParam{1000});
        logits[i] = 3000;
        ASSERT_EQ(this->received(logits, std::vector<TypeParam>(n)), only) << i << " of " << n;
      }
  });
}

// Weights count in proportion far below what the row's sum would notice.
TYPED_TEST(AttentionRow, GivesSmallWeightsTheirSize) {
  const double depth = sizeof(TypeParam) == 4 ? 59 : 590;
  on_every_simd_target([&] {
    for (double below = 1; below < depth; below += 3) {
      const std::vector<TypeParam> logits{0, static_cast<TypeParam>(-below), 0}, bias(3);
      const auto weight = this->received(logits, bias)[1];
      ASSERT_NEAR(weight / (std::exp(-below) / (2 + std::exp(-below))), 1, this->kRelative * 4) << below;
    }
  });
}

TYPED_TEST(AttentionRow, PassesANanOn) {
  const auto nan = std::numeric_limits<TypeParam>::quiet_NaN();
  on_every_simd_target([&] {
    for (const std::size_t n : {1, 2, 3, 8, 16, 19, 40})
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<TypeParam> logits(n, TypeParam{1});
        logits[i] = nan;
        const auto received = this->received(logits, std::vector<TypeParam>(n));
        ASSERT_TRUE(std::isnan(received[i])) << i << " of " << n;
      }
  });
}

}  // namespace
}  // namespace kvcompare
