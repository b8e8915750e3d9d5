#include "common/run/quantile_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr int kMantissaBits = 52;  // of a double
constexpr int kDropped = kMantissaBits - kSketchMantissaBits;

constexpr double kLeastNumber = 1.0 / static_cast<double>(std::uint64_t{1} << -kSketchLeastExponent);
constexpr std::int64_t kFirst =
    static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(kLeastNumber) >> kDropped);

}  // namespace

std::int64_t QuantileSketch::n() const {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

std::int32_t bucket_of(double x) {
  require(std::isfinite(x), "a sketch holds finite numbers");
  const double size = std::abs(x);
  if (size < kLeastNumber) return 0;
  const auto top = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(size) >> kDropped);
  const auto bucket = static_cast<std::int32_t>(top - kFirst + 1);
  return x < 0 ? -bucket : bucket;
}

double middle_of(std::int32_t bucket) {
  if (bucket == 0) return 0;
  const auto top = static_cast<std::uint64_t>(kFirst + std::abs(bucket) - 1);
  const auto bits = (top << kDropped) | (std::uint64_t{1} << (kDropped - 1));
  const auto size = std::bit_cast<double>(bits);
  return bucket < 0 ? -size : size;
}

QuantileSketch sketch_of(std::span<const double> numbers) {
  QuantileSketch sketch;
  if (numbers.empty()) return sketch;
  std::vector<std::int32_t> buckets;
  buckets.reserve(numbers.size());
  for (const double x : numbers) buckets.push_back(bucket_of(x));
  std::ranges::sort(buckets);
  for (const auto bucket : buckets) {
    if (sketch.buckets.empty() || sketch.buckets.back() != bucket) {
      sketch.buckets.push_back(bucket);
      sketch.counts.push_back(0);
    }
    ++sketch.counts.back();
  }
  const auto [least, largest] = std::ranges::minmax_element(numbers);
  sketch.least = *least + 0.0;  // -0 becomes 0, so that no order of the numbers shows
  sketch.largest = *largest + 0.0;
  return sketch;
}

void merge(QuantileSketch& sketch, const QuantileSketch& other) {
  if (other.counts.empty()) return;
  if (sketch.counts.empty()) {
    sketch = other;
    return;
  }
  QuantileSketch merged{.least = std::min(sketch.least, other.least),
                        .largest = std::max(sketch.largest, other.largest)};
  std::size_t a = 0, b = 0;
  while (a < sketch.buckets.size() || b < other.buckets.size()) {
    const bool from_a =
        b == other.buckets.size() || (a < sketch.buckets.size() && sketch.buckets[a] <= other.buckets[b]);
    const bool from_b =
        a == sketch.buckets.size() || (b < other.buckets.size() && other.buckets[b] <= sketch.buckets[a]);
    merged.buckets.push_back(from_a ? sketch.buckets[a] : other.buckets[b]);
    merged.counts.push_back((from_a ? sketch.counts[a] : 0) + (from_b ? other.counts[b] : 0));
    a += from_a ? 1 : 0;
    b += from_b ? 1 : 0;
  }
  sketch = std::move(merged);
}

double percentile(const QuantileSketch& sketch, double percent) {
  const auto n = sketch.n();
  require(n > 0 && percent >= 0 && percent <= 100, "a percentile from 0 to 100 of at least one number");
  const auto place = static_cast<std::int64_t>(std::ceil(percent * static_cast<double>(n) / 100));
  if (place <= 1) return sketch.least;
  if (place >= n) return sketch.largest;
  std::int64_t n_below = 0;
  std::size_t i = 0;
  while (n_below + sketch.counts[i] < place) n_below += sketch.counts[i++];
  return std::clamp(middle_of(sketch.buckets[i]), sketch.least, sketch.largest);
}

}  // namespace kvcompare
