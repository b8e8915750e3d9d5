// Counts of numbers by size, from which percentiles are read. Sketches of parts of the numbers add up to the
// sketch of all of them, in any order, to the same bytes: they hold counts and nothing that is rounded.
//
// A bucket holds the numbers that agree in sign, exponent and the first kSketchMantissaBits bits of the
// mantissa, so its width is at most 2^-7 of its numbers. A percentile is the middle of its bucket: it is off
// by at most 2^-8 = 0.4 % of the exact one. Numbers between -2^-60 and 2^-60 count as 0. The least and the
// largest number are exact.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvcompare {

inline constexpr int kSketchMantissaBits = 7;
inline constexpr int kSketchLeastExponent = -60;
// Of the largest double; that of the smallest number is its negative.
inline constexpr std::int32_t kLastBucket = (1024 - kSketchLeastExponent) << kSketchMantissaBits;

// An empty sketch (n() == 0) stands for numbers that were not measured.
struct QuantileSketch {
  std::vector<std::int32_t> buckets{};  // that hold a number, ascending; see bucket_of()
  std::vector<std::int64_t> counts{};   // of each of them, at least 1
  double least = 0;
  double largest = 0;
  friend bool operator==(const QuantileSketch&, const QuantileSketch&) = default;

  std::int64_t n() const;  // numbers in all
};

// 0 for zero, n for the n-th bucket above it, -n for the mirror image of that below it. x is finite.
std::int32_t bucket_of(double x);
// The middle of a bucket.
double middle_of(std::int32_t bucket);

// numbers : finite
QuantileSketch sketch_of(std::span<const double> numbers);

void merge(QuantileSketch& sketch, const QuantileSketch& other);

// The number at place ceil(percent / 100 * n), counted from 1 in ascending order (nearest rank): 0 gives the
// least number, 100 the largest. The sketch is not empty, 0 <= percent <= 100.
double percentile(const QuantileSketch& sketch, double percent);

}  // namespace kvcompare
