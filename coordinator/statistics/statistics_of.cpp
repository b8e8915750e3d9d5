#include "coordinator/statistics/statistics_of.h"

#include <utility>

#include "common/plural.h"
#include "coordinator/statistics/bootstrap.h"
#include "coordinator/statistics/equal_density.h"
#include "coordinator/statistics/holm.h"
#include "coordinator/statistics/in_parallel.h"
#include "coordinator/statistics/quality_intervals.h"
#include "coordinator/statistics/reasons.h"
#include "coordinator/statistics/sample_sums.h"
#include "coordinator/statistics/sign_flips.h"
#include "coordinator/statistics/summed_columns.h"
#include "coordinator/statistics/sweeps.h"

namespace kvcompare {
namespace {

std::size_t place(MethodIndex m) { return static_cast<std::size_t>(m.value); }

std::vector<Sweep> sweeps_of(const Comparison& comparison) {
  std::vector<MethodSpec> specs;
  for (const auto& method : comparison.methods) specs.push_back(method.spec);
  return sweeps_of(specs);
}

std::vector<std::size_t> points_of(const std::vector<Sweep>& sweeps, const SampleSums& sums) {
  std::vector<std::size_t> points;
  for (const auto& sweep : sweeps)
    for (const auto m : sweep.points)
      if (sums.methods[place(m)]) points.push_back(place(m));
  return points;
}

AgainstBaseline against_baseline(const Comparison& comparison, const SummedColumns& columns, std::size_t m) {
  AgainstBaseline row;
  if (m == 0) {
    row.reason = "it is what the others are compared with";
  } else if (!comparison.methods[0].totals) {
    row.reason = kBaselineFailed;
  } else if (!comparison.methods[m].totals) {
    row.reason = reason_for_no_totals(std::ssize(comparison.methods[m].failed));
  } else {
    if (columns.n_samples() > 0) row.avg_nll_delta = columns.avg_nll_difference(m, 0);
    if (columns.n_samples() < kFewestSamples) row.reason = reason_for_too_few(columns.n_samples());
  }
  return row;
}

std::vector<std::size_t> comparable_instances(const Comparison& comparison, const SummedColumns& columns) {
  std::vector<std::size_t> instances;
  for (std::size_t m = 1; m < comparison.methods.size(); ++m)
    if (comparison.methods[m].totals && columns.n_samples() > 0) instances.push_back(m);
  return instances;
}

std::string reason_for_no_pairs(const std::vector<std::size_t>& instances) {
  if (instances.size() < 2) return "there are not two instances without failed samples";
  if (instances.size() > kMostPairsOf)
    return counted(std::ssize(instances), "instance") + " are too many to compare in pairs; at most " +
           std::to_string(kMostPairsOf) + " are";
  return {};
}

std::vector<Difference> differences(const std::vector<std::size_t>& instances, const SummedColumns& columns) {
  std::vector<Difference> rows;
  for (std::size_t a = 0; a < instances.size(); ++a)
    for (std::size_t b = a + 1; b < instances.size(); ++b) {
      Difference row{.a = MethodIndex(static_cast<std::int64_t>(instances[a])),
                     .b = MethodIndex(static_cast<std::int64_t>(instances[b])),
                     .avg_nll_difference = columns.avg_nll_difference(instances[a], instances[b])};
      if (columns.n_samples() < kFewestSamples) row.reason = reason_for_too_few(columns.n_samples());
      rows.push_back(std::move(row));
    }
  return rows;
}

// Calls fill(row, place of the row) for the rows that have no reason against it.
template <class Row, class Fill>
void fill_open(std::vector<Row>& rows, int n_threads, const Fill& fill) {
  in_parallel(std::ssize(rows), n_threads, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    if (rows[at].reason.empty()) fill(rows[at], at);
  });
}

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

void add_p_values(Statistics& statistics, const SummedColumns& columns, int n_threads) {
  const SignFlips flips(columns, n_threads);
  fill_open(statistics.against_baseline, n_threads,
            [&](AgainstBaseline& row, std::size_t m) { row.p_value = flips.p_value(m, 0); });
  fill_open(statistics.differences, n_threads,
            [&](Difference& row, std::size_t) { row.p_value = flips.p_value(place(row.a), place(row.b)); });
  correct_by_holm(statistics.against_baseline);
  correct_by_holm(statistics.differences);
}

void add_intervals(Statistics& statistics, const SummedColumns& columns, int n_threads) {
  const Bootstrap bootstrap(columns, n_threads);
  fill_open(statistics.against_baseline, n_threads, [&](AgainstBaseline& row, std::size_t m) {
    row.avg_nll_delta_ci95 = bootstrap.interval(m, 0);
    row.ppl_delta_ci95 = bootstrap.ppl_interval(m, 0);
    if (!row.ppl_delta_ci95) row.ppl_reason = "the perplexity of a resample is too large for a number";
  });
  fill_open(statistics.differences, n_threads,
            [&](Difference& row, std::size_t) { row.ci95 = bootstrap.interval(place(row.a), place(row.b)); });
  fill_open(statistics.quality, n_threads,
            [&](QualityIntervals& row, std::size_t m) { add_intervals(row, columns.of(m), bootstrap); });
  fill_open(statistics.equal_density, n_threads,
            [&](AtDensity& row, std::size_t) { add_interval(row, bootstrap); });
}

}  // namespace

Statistics statistics_of(const Comparison& comparison, const std::vector<double>& densities, int n_threads) {
  const auto sweeps = sweeps_of(comparison);
  const auto sums = sample_sums(comparison);
  const SummedColumns columns(sums, points_of(sweeps, sums));
  const auto instances = comparable_instances(comparison, columns);
  Statistics statistics;
  for (std::size_t m = 0; m < comparison.methods.size(); ++m)
    statistics.against_baseline.push_back(against_baseline(comparison, columns, m));
  statistics.quality = quality_rows(comparison, columns);
  statistics.differences_reason = reason_for_no_pairs(instances);
  if (statistics.differences_reason.empty()) statistics.differences = differences(instances, columns);
  statistics.equal_density = equal_density(comparison, columns, sweeps, densities);
  if (columns.n_samples() >= kFewestSamples) {
    add_p_values(statistics, columns, n_threads);
    add_intervals(statistics, columns, n_threads);
  }
  return statistics;
}

}  // namespace kvcompare
