#include "coordinator/statistics/resamples.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "coordinator/statistics/percentiles.h"

namespace kvcompare {
namespace {

constexpr double kTie = 1e-12;  // of the sum of absolute differences: sums so close are taken for equal

double nll_difference(const WeightedSums& sums, const SummedColumns::OfMethod& a,
                      const SummedColumns::OfMethod& b, std::size_t resample) {
  return (sums.of(a.high)[resample] - sums.of(b.high)[resample]) +
         (sums.of(a.low)[resample] - sums.of(b.low)[resample]);
}

std::int64_t n_resamples(const SummedColumns& columns) {
  return static_cast<std::int64_t>(columns.n_samples()) < kFewestSamples ? 0 : kResamples;
}

}  // namespace

Resamples::Resamples(SummedColumns columns, int n_threads)
    : columns_(std::move(columns)),
      n_(static_cast<std::size_t>(n_resamples(columns_))),
      drawn_(Weights::kTimesDrawn, columns_.all(), n_resamples(columns_), n_threads),
      flipped_(Weights::kSigns, columns_.without_densities(), n_resamples(columns_), n_threads) {}

double Resamples::difference(std::size_t a, std::size_t b) const {
  return columns_.nll_difference(a, b) / columns_.n_scored();
}

double Resamples::difference(std::size_t a, std::size_t b, std::size_t resample) const {
  return nll_difference(drawn_, columns_.of(a), columns_.of(b), resample) /
         drawn_.of(SummedColumns::kScored)[resample];
}

double Resamples::attended_density(std::size_t method, std::size_t resample) const {
  const auto& of = columns_.of(method);
  return drawn_.of(of.attended)[resample] / drawn_.of(of.attendable)[resample];
}

Interval Resamples::interval(std::size_t a, std::size_t b) const {
  std::vector<double> differences(n_);
  for (std::size_t r = 0; r < n_; ++r) differences[r] = difference(a, b, r);
  return middle_95_percent(differences);
}

std::optional<Interval> Resamples::ppl_interval(std::size_t a, std::size_t b) const {
  const auto& of_b = columns_.of(b);
  std::vector<double> differences(n_);
  for (std::size_t r = 0; r < n_; ++r) {
    const double avg_nll_b =
        (drawn_.of(of_b.high)[r] + drawn_.of(of_b.low)[r]) / drawn_.of(SummedColumns::kScored)[r];
    differences[r] = std::exp(avg_nll_b) * std::expm1(difference(a, b, r));  // exp(a) - exp(b)
    if (!std::isfinite(differences[r])) return std::nullopt;
  }
  return middle_95_percent(differences);
}

double Resamples::p_value(std::size_t a, std::size_t b) const {
  const double least =
      std::abs(columns_.nll_difference(a, b)) - kTie * columns_.sum_of_absolute_differences(a, b);
  std::int64_t n_as_large = 0;
  for (std::size_t r = 0; r < n_; ++r)
    if (std::abs(nll_difference(flipped_, columns_.of(a), columns_.of(b), r)) >= least) ++n_as_large;
  return static_cast<double>(1 + n_as_large) / static_cast<double>(1 + n_);
}

}  // namespace kvcompare
