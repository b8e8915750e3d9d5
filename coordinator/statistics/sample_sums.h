// The numbers from which all statistics are computed: sums over each sample under each method.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

struct MethodSums {
  std::vector<double> total_nll;  // [n_samples], nats
  std::vector<double> attended;   // [n_samples], whole numbers: keys seen by all queries
  std::vector<double> attendable;
};

struct SampleSums {
  std::vector<double> n_scored;                    // [n_samples], whole numbers
  std::vector<std::optional<MethodSums>> methods;  // [Comparison::methods]; absent if a unit failed

  std::size_t n_samples() const { return n_scored.size(); }
};

// Throws InvariantError if methods without a failed unit do not have the same samples with the same lengths.
SampleSums sample_sums(const Comparison& comparison);

}  // namespace kvcompare
