// The samples drawn anew and their signs flipped, many times, the same for all methods; and what two methods
// differ by under them. Definitions: docs/semantics.md, "Statistics".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/statistics/sample_sums.h"
#include "coordinator/statistics/statistics.h"
#include "coordinator/statistics/summed_columns.h"
#include "coordinator/statistics/weighted_sums.h"

namespace kvcompare {

// Methods are named by their place in SampleSums::methods, and have no failed unit. Safe to ask from several
// threads.
class Resamples {
 public:
  // Nothing is drawn if there are less than kFewestSamples.
  Resamples(SummedColumns columns, int n_threads);

  // Nats a token, a - b, over all samples as they are.
  double difference(std::size_t a, std::size_t b) const;

  // What follows needs kFewestSamples.
  Interval interval(std::size_t a, std::size_t b) const;

  // Of the perplexity. Absent if a resample has one that is too large for a double.
  std::optional<Interval> ppl_interval(std::size_t a, std::size_t b) const;

  // Sign-flip test of the sum over samples of the NLL's difference, two-sided.
  double p_value(std::size_t a, std::size_t b) const;

  std::int64_t n_samples() const { return static_cast<std::int64_t>(columns_.n_samples()); }
  std::size_t n() const { return n_; }                                          // resamples
  double difference(std::size_t a, std::size_t b, std::size_t resample) const;  // nats a token
  double attended_density(std::size_t method, std::size_t resample) const;

 private:
  SummedColumns columns_;
  std::size_t n_;
  WeightedSums drawn_;
  WeightedSums flipped_;
};

}  // namespace kvcompare
