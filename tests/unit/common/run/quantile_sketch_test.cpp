#include "common/run/quantile_sketch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

// Of sizes from 1e-20 to 1e2 and both signs, some of them 0.
std::vector<double> random_numbers(std::mt19937_64& random, std::size_t n) {
  std::uniform_real_distribution<double> exponent(-20, 2), share(0, 1);
  std::vector<double> numbers;
  for (std::size_t i = 0; i < n; ++i) {
    const double kind = share(random), size = std::pow(10, exponent(random));
    numbers.push_back(kind < 0.1 ? 0 : kind < 0.5 ? size : -size);
  }
  return numbers;
}

// The same by sorting: nearest rank.
double exact_percentile(std::vector<double> numbers, double percent) {
  std::ranges::sort(numbers);
  const double place = std::ceil(percent * static_cast<double>(numbers.size()) / 100);
  return numbers[static_cast<std::size_t>(std::max(place, 1.0)) - 1];
}

TEST(QuantileSketch, GivesPercentilesWithinItsRelativeError) {
  std::mt19937_64 random(1);
  for (const std::size_t n : {1u, 2u, 7u, 100u, 1000u, 4321u}) {
    const auto numbers = random_numbers(random, n);
    const auto sketch = sketch_of(numbers);
    EXPECT_EQ(sketch.n(), static_cast<std::int64_t>(n));
    for (const double percent : {0.0, 0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const double exact = exact_percentile(numbers, percent), ours = percentile(sketch, percent);
      const double zero = std::ldexp(1, kSketchLeastExponent);
      EXPECT_LE(std::abs(ours - exact), std::max(std::abs(exact) / 256, zero)) << n << " " << percent;
    }
    EXPECT_EQ(percentile(sketch, 0), std::ranges::min(numbers));
    EXPECT_EQ(percentile(sketch, 100), std::ranges::max(numbers));
  }
}

TEST(QuantileSketch, OfPartsIsThatOfTheWholeInAnyOrderAndGrouping) {
  std::mt19937_64 random(2);
  std::vector<std::vector<double>> parts;
  std::vector<double> whole;
  for (const std::size_t n : {5u, 0u, 300u, 1u, 77u}) {
    parts.push_back(random_numbers(random, n));
    whole.insert(whole.end(), parts.back().begin(), parts.back().end());
  }
  const auto expected = sketch_of(whole);
  for (int trial = 0; trial < 20; ++trial) {
    std::ranges::shuffle(parts, random);
    QuantileSketch first, second;
    const auto half = static_cast<std::size_t>(trial) % parts.size();
    for (std::size_t i = 0; i < parts.size(); ++i) merge(i < half ? first : second, sketch_of(parts[i]));
    merge(first, second);
    EXPECT_EQ(first, expected);
  }
}

TEST(QuantileSketch, HasBucketsThatAreOrderedMirroredAndHoldTheirMiddle) {
  for (std::int32_t bucket = 1 - kLastBucket; bucket <= kLastBucket; bucket += 13) {
    EXPECT_EQ(bucket_of(middle_of(bucket)), bucket);
    EXPECT_EQ(middle_of(-bucket), -middle_of(bucket));
    EXPECT_LT(middle_of(bucket - 1), middle_of(bucket));
  }
  EXPECT_EQ(bucket_of(std::numeric_limits<double>::max()), kLastBucket);
  EXPECT_EQ(bucket_of(-std::numeric_limits<double>::max()), -kLastBucket);
  // By hand: 2^-60 begins bucket 1, and an octave has 128.
  EXPECT_EQ(bucket_of(std::ldexp(1, -60)), 1);
  EXPECT_EQ(bucket_of(std::ldexp(0.999, -60)), 0);
  EXPECT_EQ(bucket_of(1), 60 * 128 + 1);
  EXPECT_EQ(bucket_of(-1), -60 * 128 - 1);
  EXPECT_EQ(middle_of(bucket_of(1)), 1 + 1.0 / 256);
}

TEST(QuantileSketch, TakesTheNearestRank) {
  const auto sketch = sketch_of(std::vector<double>{1, 2, 4, 8});
  EXPECT_EQ(percentile(sketch, 25), 1);
  EXPECT_NEAR(percentile(sketch, 26), 2, 2 / 256.0);
  EXPECT_NEAR(percentile(sketch, 75), 4, 4 / 256.0);
  EXPECT_EQ(percentile(sketch, 76), 8);
  std::vector<double> thousand;
  for (int i = 1; i <= 1000; ++i) thousand.push_back(i);
  EXPECT_NEAR(percentile(sketch_of(thousand), 99.9), 999, 999 / 256.0);
}

TEST(QuantileSketch, OfEqualNumbersIsExact) {
  EXPECT_EQ(percentile(sketch_of(std::vector<double>(5, 0.3)), 50), 0.3);
}

TEST(QuantileSketch, DoesNotTellTheSignOfZero) {
  EXPECT_EQ(std::signbit(sketch_of(std::vector<double>{-0.0, 0.0}).least), false);
  EXPECT_EQ(std::signbit(sketch_of(std::vector<double>{0.0, -0.0}).least), false);
}

TEST(QuantileSketch, RefusesWhatIsNotFiniteAndAPercentileOfNothing) {
  EXPECT_THROW(bucket_of(std::numeric_limits<double>::infinity()), InvariantError);
  EXPECT_THROW(bucket_of(std::numeric_limits<double>::quiet_NaN()), InvariantError);
  EXPECT_THROW(percentile({}, 50), InvariantError);
}

}  // namespace
}  // namespace kvcompare
