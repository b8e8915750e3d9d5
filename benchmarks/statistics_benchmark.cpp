// Measures what the statistics of a large run cost: seconds and peak memory.
//   statistics_benchmark [SAMPLES [INSTANCES [THREADS]]]      default: 1000 50 2
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <sys/resource.h>

#include "coordinator/statistics/statistics_of.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kPoints = 5;  // of a sweep

std::int64_t argument(int argc, char** argv, int place, std::int64_t otherwise) {
  return argc > place ? std::atoll(argv[place]) : otherwise;
}

MethodResult result_of(std::int64_t instance, std::int64_t n_samples) {
  std::mt19937_64 random(7);  // the same documents for every instance
  std::mt19937_64 own(static_cast<std::uint64_t>(instance));
  std::lognormal_distribution<double> length(6, 1), nll(0.7, 0.3);
  std::normal_distribution<double> change(0, 0.02);
  const double ratio = instance == 0 ? 0 : 0.1 + 0.8 * static_cast<double>(instance % kPoints) / kPoints;
  MethodResult result;
  result.spec.policy = RatioBudget{ratio};
  result.spec.name = result.spec.display_name = "method " + std::to_string(instance / kPoints);
  Totals totals;
  for (std::int64_t s = 0; s < n_samples; ++s) {
    SampleRow row{.sample = SampleIndex(s)};
    const auto n_scored = 2 + static_cast<std::int64_t>(length(random));
    const auto n = static_cast<double>(n_scored);
    auto& [n_tokens, total_nll, keys] = row.numbers;
    n_tokens = n_scored + 1;
    total_nll = n * (nll(random) + (instance == 0 ? 0 : 0.1 * ratio + change(own)));
    keys.attendable = n_scored * n_scored * 1000;
    keys.attended = static_cast<std::int64_t>(static_cast<double>(keys.attendable) * (1 - ratio));
    result.per_sample.push_back(row);
  }
  totals.attended_density = 1 - ratio;
  result.totals = totals;
  return result;
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int run(std::int64_t n_samples, std::int64_t n_instances, int n_threads) {
  Comparison comparison;
  for (std::int64_t m = 0; m <= n_instances; ++m) comparison.methods.push_back(result_of(m, n_samples));
  const auto peak_before = peak_kib();
  const auto begin = std::chrono::steady_clock::now();
  const auto statistics = statistics_of(comparison, {0.75, 0.5, 0.25, 0.1}, n_threads);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf(
      "%lld samples, %lld instances, %zu pairs, %lld resamples, %d threads: %.2f s, peak RSS %.0f MB, "
      "of which %.0f MB were there before\n",
      static_cast<long long>(n_samples), static_cast<long long>(n_instances), statistics.differences.size(),
      static_cast<long long>(kResamples), n_threads, seconds.count(),
      static_cast<double>(peak_kib()) * 1.024e-3, static_cast<double>(peak_before) * 1.024e-3);
  return 0;
}

}  // namespace
}  // namespace kvcompare

int main(int argc, char** argv) {
  using kvcompare::argument;
  return kvcompare::run(argument(argc, argv, 1, 1000), argument(argc, argv, 2, 50),
                        static_cast<int>(argument(argc, argv, 3, 2)));
}
