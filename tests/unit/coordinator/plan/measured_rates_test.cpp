#include "coordinator/plan/measured_rates.h"

#include <cmath>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

constexpr MethodIndex kA(0), kB(1);

TEST(MeasuredRates, AreUnknownBeforeSomethingIsMeasured) {
  MeasuredRates rates;
  const auto group = rates.group_of(kA, 1000);
  rates.update();
  EXPECT_FALSE(rates.is_known());
  EXPECT_EQ(rates.of(group), 0);
}

TEST(MeasuredRates, GroupByMethodAndByHalfOctavesOfLength) {
  MeasuredRates rates;
  const auto group = rates.group_of(kA, 1000);  // 2 log2 1000 = 19.93
  EXPECT_EQ(rates.group_of(kA, 1100), group);
  EXPECT_NE(rates.group_of(kA, 1448), group);  // 21.0
  EXPECT_NE(rates.group_of(kB, 1000), group);
}

TEST(MeasuredRates, OfAnotherMethodStandInForOneOfWhichNothingIsKnown) {
  MeasuredRates rates;
  const auto a = rates.group_of(kA, 1000), b = rates.group_of(kB, 1000);
  rates.add(a, 1, 10, 30);
  rates.update();
  EXPECT_DOUBLE_EQ(rates.of(a), 3);
  EXPECT_DOUBLE_EQ(rates.of(b), 3);
}

// Methods of rates 3 and 6, four units of each: believed but for some percent. Their logarithms lie as far
// from the mean, so a third method is expected at the geometric mean, 4.243.
TEST(MeasuredRates, OfTheMethodItselfCountMost) {
  MeasuredRates rates;
  const auto a = rates.group_of(kA, 1000), b = rates.group_of(kB, 1000),
             c = rates.group_of(MethodIndex(2), 1000);
  rates.add(a, 4, 40, 120);
  rates.add(b, 4, 40, 240);
  rates.update();
  EXPECT_NEAR(rates.of(a), 3, 0.01);
  EXPECT_NEAR(rates.of(b), 6, 0.02);
  EXPECT_NEAR(rates.of(c), std::sqrt(18.0), 1e-9);
}

// Short samples: 3 and 6. Long ones: of the first method 12, four times as slow. So is the other, by all that
// is known: 24, of which a factor that nobody has seen keeps something back.
TEST(MeasuredRates, ForetellALengthFromHowOtherMethodsGrow) {
  MeasuredRates rates;
  const auto near_a = rates.group_of(kA, 1024), near_b = rates.group_of(kB, 1024);
  const auto far_a = rates.group_of(kA, 8192), far_b = rates.group_of(kB, 8192);
  rates.add(near_a, 4, 40, 120);
  rates.add(near_b, 4, 40, 240);
  rates.add(far_a, 4, 40, 480);
  rates.update();
  EXPECT_NEAR(rates.of(near_a), 3, 0.1);
  EXPECT_NEAR(rates.of(near_b), 6, 0.2);
  EXPECT_NEAR(rates.of(far_a), 12, 0.4);
  EXPECT_NEAR(rates.of(far_b), 24, 3);
}

TEST(MeasuredRates, TakeTheNearestLengthForOneOfWhichNothingIsKnown) {
  MeasuredRates rates;
  const auto low = rates.group_of(kA, 256), high = rates.group_of(kA, 4096);
  const auto below = rates.group_of(kA, 128), between = rates.group_of(kA, 724),
             beyond = rates.group_of(kA, 9000);
  rates.add(low, 4, 40, 80);
  rates.add(high, 4, 40, 160);
  rates.update();
  EXPECT_NEAR(rates.of(below), 2, 0.1);
  EXPECT_NEAR(rates.of(between), 2, 0.1);
  EXPECT_NEAR(rates.of(beyond), 4, 0.2);
}

TEST(MeasuredRates, ForgetGuesses) {
  MeasuredRates rates;
  const auto a = rates.group_of(kA, 1000);
  rates.guess(a, 0.5, 5, 40);
  rates.update();
  EXPECT_DOUBLE_EQ(rates.of(a), 8);
  rates.forget_guesses();
  rates.add(a, 1, 10, 30);
  rates.update();
  EXPECT_DOUBLE_EQ(rates.of(a), 3);
}

}  // namespace
}  // namespace kvcompare
