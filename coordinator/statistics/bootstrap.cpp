#include "coordinator/statistics/bootstrap.h"

#include <cmath>
#include <vector>

#include "coordinator/statistics/percentiles.h"

namespace kvcompare {
namespace {

constexpr auto kN = static_cast<std::size_t>(kResamples);

}  // namespace

Bootstrap::Bootstrap(const SummedColumns& columns, int n_threads)
    : columns_(columns), drawn_(Weights::kTimesDrawn, columns.all(), kResamples, n_threads) {}

double Bootstrap::difference(std::size_t a, std::size_t b, std::size_t resample) const {
  return columns_.nll_difference(a, b, drawn_, resample) / drawn_.of(SummedColumns::kScored)[resample];
}

double Bootstrap::attended_density(std::size_t method, std::size_t resample) const {
  const auto& of = columns_.of(method);
  return drawn_.of(of.attended)[resample] / drawn_.of(of.attendable)[resample];
}

std::optional<Interval> Bootstrap::quotient_interval(std::size_t part, std::size_t whole) const {
  std::vector<double> quotients;
  quotients.reserve(kN);
  for (std::size_t r = 0; r < kN; ++r)
    if (drawn_.of(whole)[r] != 0) quotients.push_back(drawn_.of(part)[r] / drawn_.of(whole)[r]);
  if (static_cast<double>(kN - quotients.size()) > kMostLeftOut * static_cast<double>(kN))
    return std::nullopt;
  return middle_95_percent(quotients);
}

Interval Bootstrap::interval(std::size_t a, std::size_t b) const {
  std::vector<double> differences(kN);
  for (std::size_t r = 0; r < kN; ++r) differences[r] = difference(a, b, r);
  return middle_95_percent(differences);
}

std::optional<Interval> Bootstrap::ppl_interval(std::size_t a, std::size_t b) const {
  const auto& of_b = columns_.of(b);
  std::vector<double> differences(kN);
  for (std::size_t r = 0; r < kN; ++r) {
    const double total_nll_b = drawn_.of(of_b.high)[r] + drawn_.of(of_b.low)[r];
    const double ppl_b = std::exp(total_nll_b / drawn_.of(SummedColumns::kScored)[r]);
    differences[r] = ppl_b * std::expm1(difference(a, b, r));
    if (!std::isfinite(differences[r])) return std::nullopt;
  }
  return middle_95_percent(differences);
}

}  // namespace kvcompare
