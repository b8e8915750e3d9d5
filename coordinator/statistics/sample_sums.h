// The numbers from which all statistics are computed: sums over each sample under each method.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "coordinator/comparison/comparison.h"

namespace kvcompare {

// [n_samples] each. Numbers that were not measured are empty.
struct MethodSums {
  std::vector<double> total_nll;  // nats
  std::vector<double> attended;   // whole numbers, as all below but kl: keys seen by all queries
  std::vector<double> attendable;
  std::vector<double> kl;           // nats
  std::vector<double> same_top1;    // tokens
  std::vector<double> greedy_hits;  // tokens
  std::vector<double> spans;
  std::vector<double> spans_exact;
  std::vector<double> evidence_keys;  // 0 of samples without evidence
  std::vector<double> evidence_keys_kept;
};

struct SampleSums {
  std::vector<double> n_scored;                    // [n_samples], whole numbers
  std::vector<std::optional<MethodSums>> methods;  // [Comparison::methods]; absent if a unit failed

  std::size_t n_samples() const { return n_scored.size(); }
};

// Throws InvariantError if methods without a failed unit do not have the same samples with the same lengths.
SampleSums sample_sums(const Comparison& comparison);

}  // namespace kvcompare
