// Is the NLL of two methods the same but for chance? If it is, the difference of a sample might as well have
// the other sign. Definition: docs/semantics.md, "Statistics".
#pragma once

#include "coordinator/statistics/summed_columns.h"
#include "coordinator/statistics/weighted_sums.h"

namespace kvcompare {

// Methods are named by their place in SampleSums::methods, and have no failed unit. Safe to ask from several
// threads.
class SignFlips {
 public:
  // Keeps a reference to the columns: at least one sample.
  SignFlips(const SummedColumns& columns, int n_threads);

  // Two-sided: the share of flips whose sum of differences is as far from 0 as that of the samples. A flip
  // counts as well if the sums are equal but for rounding; the samples themselves count as a flip.
  double p_value(std::size_t a, std::size_t b) const;

 private:
  const SummedColumns& columns_;
  WeightedSums flipped_;
};

}  // namespace kvcompare
