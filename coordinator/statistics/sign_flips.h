// Tests whether the NLL of two methods differs by more than chance. If it does not, the difference of each
// sample might as well have the other sign. Definition: docs/semantics.md, "Statistics".
#pragma once

#include "coordinator/statistics/summed_columns.h"
#include "coordinator/statistics/weighted_sums.h"

namespace kvcompare {

// Methods are given by their place in SampleSums::methods, and must have no failed unit. Several threads may
// call the const members.
class SignFlips {
 public:
  // Keeps a reference to the columns, which must have at least one sample.
  SignFlips(const SummedColumns& columns, int n_threads);

  // The two-sided p-value: the share of flips whose sum of differences is at least as far from 0 as the sum
  // of the samples. Sums that are equal but for rounding count as equal, and the samples themselves count as
  // one flip.
  double p_value(std::size_t a, std::size_t b) const;

 private:
  const SummedColumns& columns_;
  WeightedSums flipped_;
};

}  // namespace kvcompare
