// The numbers that are summed over samples, as columns, and which column belongs to which method.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "coordinator/statistics/sample_sums.h"
#include "coordinator/statistics/weighted_sums.h"

namespace kvcompare {

class SummedColumns {
 public:
  struct OfMethod {
    std::size_t high = 0, low = 0;  // the two parts of the NLL, see exact_halves.h
    std::size_t attended = 0, attendable = 0;
    std::optional<std::size_t> kl{}, same_top1{}, greedy_hits{};       // absent: not measured
    std::optional<std::size_t> spans{}, spans_exact{};                 // absent: the same, or there are none
    std::optional<std::size_t> evidence_keys{}, evidence_keys_kept{};  // the same
  };
  static constexpr std::size_t kScored = 0;

  //   with_density : the methods whose attended and attendable keys are needed too
  SummedColumns(const SampleSums& sums, std::span<const std::size_t> with_density);

  std::span<const std::vector<double>> all() const { return columns_; }
  std::span<const std::vector<double>> of_nll() const { return all().first(n_of_nll_); }
  std::int64_t n_samples() const { return std::ssize(columns_[kScored]); }
  const OfMethod& of(std::size_t method) const { return of_method_[method]; }

  // In nats, over all samples once; and with the weights of a resample.
  double nll_difference(std::size_t a, std::size_t b) const;
  double nll_difference(std::size_t a, std::size_t b, const WeightedSums& sums, std::size_t resample) const;

  double sum_of_absolute_differences(std::size_t a, std::size_t b) const;
  double avg_nll_difference(std::size_t a, std::size_t b) const;  // nats a token

 private:
  std::size_t add(std::vector<double> column);
  void add_nll(const SampleSums& sums);
  void add_densities(const SampleSums& sums, std::span<const std::size_t> methods);
  void add_quality(const SampleSums& sums);
  void add_evidence(const SampleSums& sums);
  std::optional<std::size_t> add_measured(const std::vector<double>& column);

  std::vector<std::vector<double>> columns_;  // [n_columns][n_samples]
  std::size_t n_of_nll_ = 0;                  // with kScored
  std::vector<OfMethod> of_method_;           // [SampleSums::methods]
};

}  // namespace kvcompare
