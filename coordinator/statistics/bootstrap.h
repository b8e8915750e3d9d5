// Draws the samples of a run anew, many times, with the same draws for all methods, and tells how much two
// methods differ in each resample. Definition: docs/semantics.md, "Statistics".
#pragma once

#include <cstdint>
#include <optional>

#include "coordinator/comparison/statistics.h"
#include "coordinator/statistics/summed_columns.h"
#include "coordinator/statistics/weighted_sums.h"

namespace kvcompare {

inline constexpr double kMostLeftOut = 0.05;  // of the resamples, where a number is not defined in each

// Methods are given by their place in SampleSums::methods, and must have no failed unit. Several threads may
// call the const members.
class Bootstrap {
 public:
  // Keeps a reference to the columns, which must have at least one sample.
  Bootstrap(const SummedColumns& columns, int n_threads);

  // The interval of the difference a - b, in nats a token.
  Interval interval(std::size_t a, std::size_t b) const;

  // The interval of the difference of perplexities. Absent if a resample has a perplexity that is too large
  // for a double.
  std::optional<Interval> ppl_interval(std::size_t a, std::size_t b) const;

  // The interval of a quotient of two sums, from the resamples in which the lower one is not 0. Absent if
  // more than kMostLeftOut of them are left out.
  //   part, whole : columns of the SummedColumns
  std::optional<Interval> quotient_interval(std::size_t part, std::size_t whole) const;

  // Values in one resample.
  double difference(std::size_t a, std::size_t b, std::size_t resample) const;  // nats a token
  double attended_density(std::size_t method, std::size_t resample) const;      // only for methods with
                                                                                // densities

 private:
  const SummedColumns& columns_;
  WeightedSums drawn_;
};

}  // namespace kvcompare
