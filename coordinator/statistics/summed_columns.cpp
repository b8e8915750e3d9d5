#include "coordinator/statistics/summed_columns.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "coordinator/statistics/exact_halves.h"

namespace kvcompare {
namespace {

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

SummedColumns::SummedColumns(const SampleSums& sums, std::span<const std::size_t> with_density)
    : columns_{sums.n_scored}, of_method_(sums.methods.size()) {
  add_nll(sums);
  n_of_nll_ = columns_.size();
  add_densities(sums, with_density);
  add_quality(sums);
  add_evidence(sums);
}

void SummedColumns::add_nll(const SampleSums& sums) {
  std::vector<std::size_t> methods;
  std::vector<std::vector<double>> nll;
  for (std::size_t m = 0; m < sums.methods.size(); ++m) {
    if (!sums.methods[m]) continue;
    methods.push_back(m);
    nll.push_back(sums.methods[m]->total_nll);
  }
  auto halves = exact_halves(nll);
  for (std::size_t i = 0; i < methods.size(); ++i) {
    of_method_[methods[i]].high = add(std::move(halves.high[i]));
    of_method_[methods[i]].low = add(std::move(halves.low[i]));
  }
}

void SummedColumns::add_densities(const SampleSums& sums, std::span<const std::size_t> methods) {
  std::size_t attendable = kScored;  // the last that was added; methods of a run share theirs
  for (const auto m : methods) {
    of_method_[m].attended = add(sums.methods[m]->attended);
    if (attendable == kScored || columns_[attendable] != sums.methods[m]->attendable)
      attendable = add(sums.methods[m]->attendable);
    of_method_[m].attendable = attendable;
  }
}

std::optional<std::size_t> SummedColumns::add_measured(const std::vector<double>& column) {
  if (column.empty()) return std::nullopt;
  return add(column);
}

// The ranges that samples name are the same under all methods, and share a column.
void SummedColumns::add_quality(const SampleSums& sums) {
  std::optional<std::size_t> spans;
  for (std::size_t m = 0; m < sums.methods.size(); ++m) {
    if (!sums.methods[m]) continue;
    const auto& method = *sums.methods[m];
    of_method_[m].kl = add_measured(method.kl);
    of_method_[m].same_top1 = add_measured(method.same_top1);
    of_method_[m].greedy_hits = add_measured(method.greedy_hits);
    if (sum(method.spans) == 0) continue;
    if (!spans || columns_[*spans] != method.spans) spans = add(method.spans);
    of_method_[m].spans = spans;
    of_method_[m].spans_exact = add(method.spans_exact);
  }
}

// The evidence is the same under all methods, too.
void SummedColumns::add_evidence(const SampleSums& sums) {
  std::optional<std::size_t> keys;
  for (std::size_t m = 0; m < sums.methods.size(); ++m) {
    if (!sums.methods[m] || sum(sums.methods[m]->evidence_keys) == 0) continue;
    const auto& method = *sums.methods[m];
    if (!keys || columns_[*keys] != method.evidence_keys) keys = add(method.evidence_keys);
    of_method_[m].evidence_keys = keys;
    of_method_[m].evidence_keys_kept = add(method.evidence_keys_kept);
  }
}

std::size_t SummedColumns::add(std::vector<double> column) {
  columns_.push_back(std::move(column));
  return columns_.size() - 1;
}

double SummedColumns::nll_difference(std::size_t a, std::size_t b) const {
  const OfMethod &of_a = of_method_[a], &of_b = of_method_[b];
  return (sum(columns_[of_a.high]) - sum(columns_[of_b.high])) +
         (sum(columns_[of_a.low]) - sum(columns_[of_b.low]));
}

double SummedColumns::sum_of_absolute_differences(std::size_t a, std::size_t b) const {
  const OfMethod &of_a = of_method_[a], &of_b = of_method_[b];
  double result = 0;
  for (std::size_t s = 0; s < columns_[kScored].size(); ++s)
    result += std::abs((columns_[of_a.high][s] - columns_[of_b.high][s]) +
                       (columns_[of_a.low][s] - columns_[of_b.low][s]));
  return result;
}

double SummedColumns::nll_difference(std::size_t a, std::size_t b, const WeightedSums& sums,
                                     std::size_t resample) const {
  const OfMethod &of_a = of_method_[a], &of_b = of_method_[b];
  return (sums.of(of_a.high)[resample] - sums.of(of_b.high)[resample]) +
         (sums.of(of_a.low)[resample] - sums.of(of_b.low)[resample]);
}

double SummedColumns::avg_nll_difference(std::size_t a, std::size_t b) const {
  return nll_difference(a, b) / sum(columns_[kScored]);
}

}  // namespace kvcompare
