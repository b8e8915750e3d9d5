// How often the nominal 95 % interval of the difference of avg_nll holds the true difference, and how often
// methods are called different though they are not: 40 samples, 1,000 repetitions of an experiment whose true
// difference is 0.
//   statistics_coverage        prints a table; exit code 1 if a coverage is grossly off
#include <cmath>
#include <cstdio>
#include <functional>
#include <numbers>
#include <random>
#include <vector>

#include "coordinator/statistics/in_parallel.h"
#include "coordinator/statistics/statistics_of.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kSamples = 40;
constexpr std::int64_t kRepetitions = 1000;

class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}

  double uniform() { return (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53; }  // in (0, 1)
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); }

 private:
  std::mt19937_64 bits_;
};

struct Document {
  double n_scored;
  double difference;  // nats a token
};

// The expected sum of n_scored * difference is 0 in each of them.
Document normal(Random& random) {
  return {std::ceil(300 * std::exp(0.5 * random.normal())), 0.02 * random.normal()};
}

Document lognormal(Random& random) {
  return {std::ceil(300 * std::exp(0.5 * random.normal())),
          0.02 * (std::exp(random.normal()) - std::exp(0.5))};
}

// Four documents in five have 50 to 149 tokens and gain, one has 800 to 1199 and loses.
Document two_clusters(Random& random) {
  const bool is_long = random.uniform() < 0.2;
  const double n_scored =
      is_long ? 800 + std::floor(400 * random.uniform()) : 50 + std::floor(100 * random.uniform());
  const double mean = is_long ? 0.02 : -0.02 * (0.2 * 999.5) / (0.8 * 99.5);
  return {n_scored, mean + 0.01 * random.normal()};
}

struct Experiment {
  const char* name;
  Document (*draw)(Random&);
  double least, most;  // of the coverage, in %, that is no gross miss
};

// The bounds: with 40 normal samples the percentiles of the bootstrap cover as a t-interval does that is
// 1.96 * sqrt(39/40) standard errors wide, 94 %; uneven lengths make 31 samples of them, 93.6 %. Four
// standard errors of a share of 1,000 repetitions are 3 points. Skewed differences lose some more points, and
// clusters, of which a resample may hold few long documents, too.
constexpr Experiment kExperiments[] = {
    {"normal", normal, 90.6, 96.6}, {"lognormal", lognormal, 84, 95}, {"two clusters", two_clusters, 87, 96}};

Comparison comparison_of(Document (*draw)(Random&), std::uint64_t seed) {
  Random random(seed);
  Comparison comparison;
  comparison.methods.resize(2);
  for (auto& method : comparison.methods) method.totals = Totals{};
  for (std::int64_t s = 0; s < kSamples; ++s) {
    const auto document = draw(random);
    SampleRow row{.sample = SampleIndex(s),
                  .numbers = {.n_tokens = static_cast<std::int64_t>(document.n_scored) + 1}};
    row.numbers.total_nll = 2.5 * document.n_scored;
    comparison.methods[0].per_sample.push_back(row);
    row.numbers.total_nll += document.difference * document.n_scored;
    comparison.methods[1].per_sample.push_back(row);
  }
  return comparison;
}

struct Rates {
  double covered = 0, low_misses = 0, high_misses = 0, called_different = 0;  // %
};

Rates rates_of(const Experiment& experiment) {
  std::vector<AgainstBaseline> found(kRepetitions);
  in_parallel(kRepetitions, usable_cores().n, [&](std::int64_t i) {
    const auto comparison = comparison_of(experiment.draw, static_cast<std::uint64_t>(i));
    found[static_cast<std::size_t>(i)] = statistics_of(comparison, {}, 1).against_baseline[1];
  });
  Rates rates;
  for (const auto& row : found) {
    const auto interval = row.avg_nll_delta_ci95.value();
    rates.covered += !interval.leaves_out_zero();
    rates.low_misses += interval.high < 0;
    rates.high_misses += interval.low > 0;
    rates.called_different += row.is_different();
  }
  for (double* rate : {&rates.covered, &rates.low_misses, &rates.high_misses, &rates.called_different})
    *rate *= 100.0 / kRepetitions;
  return rates;
}

}  // namespace
}  // namespace kvcompare

int main() {
  std::printf(
      "| differences | 0 is inside | interval below 0 | interval above 0 | called different | expected "
      "inside |\n"
      "|---|---|---|---|---|---|\n");
  bool missed = false;
  for (const auto& experiment : kvcompare::kExperiments) {
    const auto rates = kvcompare::rates_of(experiment);
    std::printf("| %s | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %.1f to %.1f %% |\n", experiment.name,
                rates.covered, rates.low_misses, rates.high_misses, rates.called_different, experiment.least,
                experiment.most);
    missed |= rates.covered < experiment.least || rates.covered > experiment.most;
  }
  if (missed) std::printf("a coverage is outside of what is expected\n");
  return missed ? 1 : 0;
}
