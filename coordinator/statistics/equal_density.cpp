#include "coordinator/statistics/equal_density.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "coordinator/statistics/percentiles.h"
#include "coordinator/statistics/reasons.h"
#include "coordinator/statistics/trade_off.h"

namespace kvcompare {
namespace {

std::string three_digits(double value) {
  std::array<char, 32> buffer;
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, 3);
  return {buffer.data(), result.ptr};
}

std::size_t place(MethodIndex m) { return static_cast<std::size_t>(m.value); }

double density_of(const Comparison& comparison, MethodIndex m) {
  return comparison.methods[place(m)].totals->attended_density;
}

// The sweep's points that have totals, by density.
std::vector<MethodIndex> points_of(const Comparison& comparison, const Sweep& sweep) {
  std::vector<MethodIndex> points;
  for (const auto m : sweep.points)
    if (comparison.methods[place(m)].totals) points.push_back(m);
  std::ranges::stable_sort(points, {}, [&](auto m) { return density_of(comparison, m); });
  return points;
}

void add_cost(AtDensity& row, const Comparison& comparison, const SummedColumns& columns) {
  std::vector<TradeOffPoint> curve;
  for (const auto m : row.points)
    curve.push_back({density_of(comparison, m), columns.avg_nll_difference(place(m), 0)});
  row.avg_nll_delta = cost_at(row.density, curve);
  if (!row.avg_nll_delta)
    row.reason = "the sweep covers densities from " + three_digits(curve.front().density) + " to " +
                 three_digits(curve.back().density) + ", and nothing is guessed beyond them";
  else if (columns.n_samples() < kFewestSamples)
    row.reason = reason_for_too_few(columns.n_samples());
}

AtDensity row_of(const Comparison& comparison, const SummedColumns& columns, const Sweep& sweep,
                 double density) {
  AtDensity row{.density = density, .method_name = sweep.method_name, .label = sweep.label};
  if (!comparison.methods[0].totals) {
    row.reason = kBaselineFailed;
    return row;
  }
  row.points = points_of(comparison, sweep);
  if (row.points.size() < 2)
    row.reason = "fewer than two points of the sweep are without failed samples";
  else if (columns.n_samples() == 0)
    row.reason = reason_for_too_few(0);
  else
    add_cost(row, comparison, columns);
  return row;
}

}  // namespace

std::vector<AtDensity> equal_density(const Comparison& comparison, const SummedColumns& columns,
                                     const std::vector<Sweep>& sweeps, const std::vector<double>& densities) {
  std::vector<AtDensity> rows;
  for (const double density : densities)
    for (const auto& sweep : sweeps) rows.push_back(row_of(comparison, columns, sweep, density));
  return rows;
}

void add_interval(AtDensity& row, const Bootstrap& bootstrap) {
  std::vector<double> costs;
  std::vector<TradeOffPoint> curve(row.points.size());
  for (std::size_t r = 0; r < static_cast<std::size_t>(kResamples); ++r) {
    for (std::size_t i = 0; i < curve.size(); ++i)
      curve[i] = {bootstrap.attended_density(place(row.points[i]), r),
                  bootstrap.difference(place(row.points[i]), 0, r)};
    if (const auto cost = cost_at(row.density, curve)) costs.push_back(*cost);
  }
  const double left_out = 1 - static_cast<double>(costs.size()) / static_cast<double>(kResamples);
  if (left_out > kMostLeftOut)
    row.reason =
        "in " + three_digits(100 * left_out) +
        " % of the resamples the density is beyond the ends of the sweep; an interval is given up to 5 %";
  else
    row.ci95 = middle_95_percent(costs);
}

}  // namespace kvcompare
