// The samples drawn anew, many times, the same draws for all methods; and what two methods differ by then.
// Definition: docs/semantics.md, "Statistics".
#pragma once

#include <cstdint>
#include <optional>

#include "coordinator/comparison/statistics.h"
#include "coordinator/statistics/summed_columns.h"
#include "coordinator/statistics/weighted_sums.h"

namespace kvcompare {

// Methods are named by their place in SampleSums::methods, and have no failed unit. Safe to ask from several
// threads.
class Bootstrap {
 public:
  // Keeps a reference to the columns: at least one sample.
  Bootstrap(const SummedColumns& columns, int n_threads);

  // Of the difference a - b, nats a token.
  Interval interval(std::size_t a, std::size_t b) const;

  // Of the difference of perplexities. Absent if a resample has one that is too large for a double.
  std::optional<Interval> ppl_interval(std::size_t a, std::size_t b) const;

  // In one resample.
  double difference(std::size_t a, std::size_t b, std::size_t resample) const;  // nats a token
  double attended_density(std::size_t method, std::size_t resample) const;      // of those with densities

 private:
  const SummedColumns& columns_;
  WeightedSums drawn_;
};

}  // namespace kvcompare
