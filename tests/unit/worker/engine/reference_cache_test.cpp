#include "worker/engine/reference_cache.h"

#include <gtest/gtest.h>

#include <ATen/ops/full.h>

namespace kvcompare {
namespace {

// Of n_numbers float32, all of them `value`.
at::Tensor states(std::int64_t n_numbers, double value) {
  return at::full({1, n_numbers}, value, at::TensorOptions(at::kFloat));
}

double value_of(const at::Tensor& found) { return found[0][0].item<double>(); }

TEST(ReferenceCache, ForgetsWhatWasNotUsedForTheLongestTime) {
  ReferenceCache cache(40);
  for (const int sample : {0, 1}) cache.put(SampleIndex(sample), states(5, sample));
  EXPECT_EQ(cache.n_bytes(), 40);
  EXPECT_EQ(value_of(cache.find(SampleIndex(0))), 0);
  cache.put(SampleIndex(2), states(4, 2));
  EXPECT_FALSE(cache.find(SampleIndex(1)).defined());
  EXPECT_EQ(value_of(cache.find(SampleIndex(0))), 0);
  EXPECT_EQ(value_of(cache.find(SampleIndex(2))), 2);
  EXPECT_EQ(cache.n_bytes(), 36);
  cache.put(SampleIndex(3), states(10, 3));  // in the place of both
  EXPECT_FALSE(cache.find(SampleIndex(0)).defined());
  EXPECT_FALSE(cache.find(SampleIndex(2)).defined());
  EXPECT_EQ(value_of(cache.find(SampleIndex(3))), 3);
}

TEST(ReferenceCache, HoldsOneEntryForASample) {
  ReferenceCache cache(40);
  cache.put(SampleIndex(0), states(5, 1));
  cache.put(SampleIndex(0), states(6, 2));
  EXPECT_EQ(value_of(cache.find(SampleIndex(0))), 2);
  EXPECT_EQ(cache.n_bytes(), 24);
}

TEST(ReferenceCache, TakesNothingThatDoesNotFitAndKeepsTheOthers) {
  ReferenceCache cache(40), none(0);
  cache.put(SampleIndex(0), states(5, 1));
  cache.put(SampleIndex(1), states(11, 2));
  EXPECT_FALSE(cache.find(SampleIndex(1)).defined());
  EXPECT_EQ(value_of(cache.find(SampleIndex(0))), 1);
  none.put(SampleIndex(0), states(1, 1));
  EXPECT_FALSE(none.find(SampleIndex(0)).defined());
  EXPECT_EQ(none.n_bytes(), 0);
}

}  // namespace
}  // namespace kvcompare
