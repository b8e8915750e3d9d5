#include "coordinator/statistics/statistics_of.h"

#include <algorithm>
#include <optional>

#include "common/plural.h"
#include "coordinator/statistics/equal_density.h"
#include "coordinator/statistics/holm.h"
#include "coordinator/statistics/in_parallel.h"
#include "coordinator/statistics/reasons.h"
#include "coordinator/statistics/resamples.h"
#include "coordinator/statistics/sample_sums.h"
#include "coordinator/statistics/sweeps.h"

namespace kvcompare {
namespace {

std::size_t place(MethodIndex m) { return static_cast<std::size_t>(m.value); }

template <class Row>
void correct_by_holm(std::vector<Row>& rows) {
  std::vector<double> p_values;
  for (const auto& row : rows)
    if (row.p_value) p_values.push_back(*row.p_value);
  const auto corrected = holm(p_values);
  auto next = corrected.begin();
  for (auto& row : rows)
    if (row.p_value) row.p_value_holm = *next++;
}

std::vector<MethodSpec> specs_of(const Comparison& comparison) {
  std::vector<MethodSpec> specs;
  for (const auto& method : comparison.methods) specs.push_back(method.spec);
  return specs;
}

class Making {
 public:
  Making(const Comparison& comparison, int n_threads)
      : comparison_(comparison), sweeps_(sweeps_of(specs_of(comparison))), n_threads_(n_threads) {
    const auto sums = sample_sums(comparison);
    if (sums.n_samples() == 0) return;
    std::vector<std::size_t> in_sweeps;
    for (const auto& sweep : sweeps_)
      for (const auto m : sweep.points)
        if (sums.methods[place(m)]) in_sweeps.push_back(place(m));
    resamples_.emplace(SummedColumns(sums, in_sweeps), n_threads);
  }

  std::vector<AgainstBaseline> against_baseline() const {
    std::vector<AgainstBaseline> rows(comparison_.methods.size());
    in_parallel(std::ssize(rows), n_threads_, [&](std::int64_t m) {
      rows[static_cast<std::size_t>(m)] = against_baseline(static_cast<std::size_t>(m));
    });
    correct_by_holm(rows);
    return rows;
  }

  // Of the instances that have totals.
  std::vector<Difference> differences(const std::vector<MethodIndex>& instances) const {
    std::vector<Difference> rows;
    for (std::size_t a = 0; a < instances.size(); ++a)
      for (std::size_t b = a + 1; b < instances.size(); ++b)
        rows.push_back({.a = instances[a], .b = instances[b]});
    in_parallel(std::ssize(rows), n_threads_,
                [&](std::int64_t i) { fill(rows[static_cast<std::size_t>(i)]); });
    correct_by_holm(rows);
    return rows;
  }

  std::vector<AtDensity> equal_density(const std::vector<double>& densities) const {
    return kvcompare::equal_density(comparison_, sweeps_, densities, resamples_ ? &*resamples_ : nullptr,
                                    n_threads_);
  }

 private:
  AgainstBaseline against_baseline(std::size_t m) const {
    AgainstBaseline row;
    if (m == 0) {
      row.reason = "it is what the others are compared with";
    } else if (!comparison_.methods[0].totals) {
      row.reason = kBaselineFailed;
    } else if (!comparison_.methods[m].totals) {
      row.reason = counted(std::ssize(comparison_.methods[m].failed), "sample") +
                   " failed, and a part of the samples compares with nothing";
    } else if (!resamples_) {
      row.reason = reason_for_too_few(0);
    } else {
      row.avg_nll_delta = resamples_->difference(m, 0);
      if (resamples_->n() == 0)
        row.reason = reason_for_too_few(resamples_->n_samples());
      else
        fill(row, m);
    }
    return row;
  }

  void fill(AgainstBaseline& row, std::size_t m) const {
    row.avg_nll_delta_ci95 = resamples_->interval(m, 0);
    row.ppl_delta_ci95 = resamples_->ppl_interval(m, 0);
    if (!row.ppl_delta_ci95) row.ppl_reason = "the perplexity of a resample is too large for a number";
    row.p_value = resamples_->p_value(m, 0);
  }

  void fill(Difference& row) const {
    const auto a = place(row.a), b = place(row.b);
    row.avg_nll_difference = resamples_->difference(a, b);
    if (resamples_->n() == 0) {
      row.reason = reason_for_too_few(resamples_->n_samples());
      return;
    }
    row.ci95 = resamples_->interval(a, b);
    row.p_value = resamples_->p_value(a, b);
  }

  const Comparison& comparison_;
  std::vector<Sweep> sweeps_;
  int n_threads_;
  std::optional<Resamples> resamples_;  // absent if there are no samples
};

std::vector<MethodIndex> instances_with_totals(const Comparison& comparison) {
  std::vector<MethodIndex> instances;
  for (std::size_t m = 1; m < comparison.methods.size(); ++m)
    if (comparison.methods[m].totals && !comparison.methods[m].per_sample.empty())
      instances.emplace_back(static_cast<std::int64_t>(m));
  return instances;
}

std::string reason_for_no_pairs(const std::vector<MethodIndex>& instances) {
  if (instances.size() < 2) return "there are not two instances without failed samples";
  if (instances.size() > kMostPairsOf)
    return counted(std::ssize(instances), "instance") + " are too many to compare in pairs; at most " +
           std::to_string(kMostPairsOf) + " are";
  return {};
}

}  // namespace

Statistics statistics_of(const Comparison& comparison, const std::vector<double>& densities, int n_threads) {
  const Making making(comparison, n_threads);
  const auto instances = instances_with_totals(comparison);
  Statistics statistics;
  statistics.against_baseline = making.against_baseline();
  statistics.differences_reason = reason_for_no_pairs(instances);
  if (statistics.differences_reason.empty()) statistics.differences = making.differences(instances);
  statistics.equal_density = making.equal_density(densities);
  return statistics;
}

}  // namespace kvcompare
