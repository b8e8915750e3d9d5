#include "coordinator/statistics/equal_density.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "coordinator/statistics/in_parallel.h"
#include "coordinator/statistics/percentiles.h"
#include "coordinator/statistics/reasons.h"
#include "coordinator/statistics/trade_off.h"

namespace kvcompare {
namespace {

constexpr double kMostLeftOut = 0.05;  // share of the resamples in which a sweep may miss the density

std::string three_digits(double value) {
  std::array<char, 32> buffer;
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, 3);
  return {buffer.data(), result.ptr};
}

class Curve {
 public:
  Curve(const Comparison& comparison, const Sweep& sweep, const Resamples& resamples)
      : resamples_(resamples) {
    for (const auto point : sweep.points)
      if (totals(comparison, point)) points_.push_back(point);
    std::ranges::stable_sort(points_, {}, [&](auto m) { return totals(comparison, m)->attended_density; });
    for (const auto m : points_)
      over_all_.push_back({totals(comparison, m)->attended_density, resamples.difference(place(m), 0)});
  }

  const std::vector<MethodIndex>& points() const { return points_; }

  void fill(AtDensity& row) const {
    row.avg_nll_delta = cost_at(row.density, over_all_);
    if (!row.avg_nll_delta) {
      row.reason = "the sweep covers densities from " + three_digits(over_all_.front().density) + " to " +
                   three_digits(over_all_.back().density) + ", and nothing is guessed beyond them";
    } else if (resamples_.n() == 0) {
      row.reason = reason_for_too_few(resamples_.n_samples());
    } else {
      fill_interval(row);
    }
  }

 private:
  static const std::optional<Totals>& totals(const Comparison& comparison, MethodIndex m) {
    return comparison.methods[place(m)].totals;
  }
  static std::size_t place(MethodIndex m) { return static_cast<std::size_t>(m.value); }

  void fill_interval(AtDensity& row) const {
    std::vector<double> costs;
    std::vector<TradeOffPoint> curve(points_.size());
    for (std::size_t r = 0; r < resamples_.n(); ++r) {
      for (std::size_t i = 0; i < points_.size(); ++i)
        curve[i] = {resamples_.attended_density(place(points_[i]), r),
                    resamples_.difference(place(points_[i]), 0, r)};
      if (const auto cost = cost_at(row.density, curve)) costs.push_back(*cost);
    }
    const double left_out = 1 - static_cast<double>(costs.size()) / static_cast<double>(resamples_.n());
    if (left_out > kMostLeftOut)
      row.reason =
          "in " + three_digits(100 * left_out) +
          " % of the resamples the density is beyond the ends of the sweep; an interval is given up to 5 %";
    else
      row.ci95 = middle_95_percent(costs);
  }

  const Resamples& resamples_;
  std::vector<MethodIndex> points_;
  std::vector<TradeOffPoint> over_all_;  // [points_]
};

AtDensity row_of(const Comparison& comparison, const Sweep& sweep, double density,
                 const Resamples* resamples) {
  AtDensity row{.density = density, .method_name = sweep.method_name, .label = sweep.label};
  if (!comparison.methods[0].totals || !resamples) {
    row.reason = resamples ? kBaselineFailed : reason_for_too_few(0);
    return row;
  }
  const Curve curve(comparison, sweep, *resamples);
  row.points = curve.points();
  if (row.points.size() < 2)
    row.reason = "fewer than two points of the sweep are without failed samples";
  else
    curve.fill(row);
  return row;
}

}  // namespace

std::vector<AtDensity> equal_density(const Comparison& comparison, const std::vector<Sweep>& sweeps,
                                     const std::vector<double>& densities, const Resamples* resamples,
                                     int n_threads) {
  std::vector<AtDensity> rows(densities.size() * sweeps.size());
  in_parallel(std::ssize(rows), n_threads, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    rows[at] = row_of(comparison, sweeps[at % sweeps.size()], densities[at / sweeps.size()], resamples);
  });
  return rows;
}

}  // namespace kvcompare
