#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "coordinator/statistics/sample_sums.h"
#include "coordinator/statistics/statistics_of.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kTokens = 10;       // of each sample
constexpr std::int64_t kAttendable = 100;  // of each sample

MethodResult instance(double ratio, const std::vector<double>& nll, std::int64_t attended = kAttendable) {
  MethodResult method;
  method.spec = {"random", "Random", RatioBudget{ratio}, {}};
  for (std::size_t s = 0; s < nll.size(); ++s)
    method.per_sample.push_back({.sample = SampleIndex(static_cast<std::int64_t>(s)),
                                 .numbers = {.n_tokens = kTokens + 1,
                                             .total_nll = nll[s],
                                             .keys = {.attended = attended, .attendable = kAttendable}}});
  method.totals = Totals{};
  method.totals->attended_density = static_cast<double>(attended) / static_cast<double>(kAttendable);
  return method;
}

void fail_a_unit(MethodResult& method) {
  method.totals.reset();
  method.per_sample.pop_back();
  method.failed = {{SampleIndex(3), "NLL of token 3 is not finite", 3}};
}

std::vector<double> plus(std::vector<double> nll, double more) {
  for (double& value : nll) value += more;
  return nll;
}

// Of n samples, 20 nats each and a little more every time.
std::vector<double> nll_of(int n) {
  std::vector<double> nll;
  for (int s = 0; s < n; ++s) nll.push_back(20 + 0.5 * s);
  return nll;
}

// Every sample costs 1 nat more, of 10 tokens: 0.1 in every resample. Of the flips, those whose signs are all
// the same reach the sum of 8: about 2 of 256.
TEST(Statistics, OfTheSameCostInEverySampleIsThatCost) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.5, plus(nll_of(8), 1))};
  const auto row = statistics_of(comparison, {}).against_baseline.at(1);
  EXPECT_DOUBLE_EQ(row.avg_nll_delta.value(), 0.1);
  EXPECT_DOUBLE_EQ(row.avg_nll_delta_ci95->low, 0.1);
  EXPECT_DOUBLE_EQ(row.avg_nll_delta_ci95->high, 0.1);
  EXPECT_NEAR(row.p_value.value(), 2.0 / 256, 0.003);
  EXPECT_EQ(row.p_value_holm, row.p_value);  // the only test
  EXPECT_TRUE(row.is_different());
  EXPECT_EQ(row.reason, "");
  EXPECT_EQ(row.ppl_reason, "");
}

// The perplexity of a resample is that of the samples drawn, so it lies between those of the cheapest and the
// dearest sample alone: e^2 and e^2.35 for the baseline, times (e^0.1 - 1).
TEST(Statistics, IntervalOfPerplexityLiesWithinThatOfSingleSamples) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.5, plus(nll_of(8), 1))};
  const auto interval = statistics_of(comparison, {}).against_baseline.at(1).ppl_delta_ci95.value();
  EXPECT_GT(interval.low, std::exp(2.0) * std::expm1(0.1));
  EXPECT_LT(interval.high, std::exp(2.35) * std::expm1(0.1));
  EXPECT_LT(interval.low, std::exp(2.175) * std::expm1(0.1));  // of all samples
  EXPECT_GT(interval.high, std::exp(2.175) * std::expm1(0.1));
}

TEST(Statistics, OfEqualMethodsAreExactlyNothing) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(9)), instance(0.3, nll_of(9)), instance(0.6, nll_of(9))};
  const auto statistics = statistics_of(comparison, {});
  EXPECT_EQ(statistics.against_baseline[1].avg_nll_delta_ci95, (Interval{0, 0}));
  EXPECT_EQ(statistics.against_baseline[1].ppl_delta_ci95, (Interval{0, 0}));
  EXPECT_EQ(statistics.against_baseline[1].p_value, 1.0);
  EXPECT_FALSE(statistics.against_baseline[1].is_different());
  EXPECT_EQ(statistics.differences.at(0).ci95, (Interval{0, 0}));
  EXPECT_EQ(statistics.differences.at(0).p_value_holm, 1.0);
}

TEST(Statistics, ComparesEveryPairOfInstancesOnce) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8))};
  for (const double cost : {1.0, 2.0, 4.0})
    comparison.methods.push_back(instance(cost / 10, plus(nll_of(8), cost)));
  const auto differences = statistics_of(comparison, {}).differences;
  ASSERT_EQ(differences.size(), 3u);
  EXPECT_EQ(differences[1].a, MethodIndex(1));
  EXPECT_EQ(differences[1].b, MethodIndex(3));
  EXPECT_DOUBLE_EQ(differences[1].avg_nll_difference, (1.0 - 4.0) / kTokens);
  EXPECT_DOUBLE_EQ(differences[1].ci95->high, -0.3);
  EXPECT_DOUBLE_EQ(differences[1].p_value_holm.value(), 3 * differences[1].p_value.value());
}

TEST(Statistics, OfFewSamplesHaveNoIntervalAndSayWhy) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(7)), instance(0.3, plus(nll_of(7), 1), 80),
                        instance(0.6, plus(nll_of(7), 2), 40)};
  const auto statistics = statistics_of(comparison, {0.6});
  const auto& row = statistics.against_baseline[1];
  EXPECT_DOUBLE_EQ(row.avg_nll_delta.value(), 0.1);
  EXPECT_FALSE(row.avg_nll_delta_ci95 || row.ppl_delta_ci95 || row.p_value || row.p_value_holm);
  const std::string reason = "7 samples are too few for an interval; 8 or more are needed";
  EXPECT_EQ(row.reason, reason);
  EXPECT_EQ(statistics.differences.at(0).reason, reason);
  EXPECT_DOUBLE_EQ(statistics.differences[0].avg_nll_difference, -0.1);
  EXPECT_EQ(statistics.equal_density.at(0).reason, reason);
  EXPECT_DOUBLE_EQ(statistics.equal_density[0].avg_nll_delta.value(), 0.15);
}

TEST(Statistics, OfOneSampleSayItInTheSingular) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(1)), instance(0.3, nll_of(1))};
  EXPECT_THAT(statistics_of(comparison, {}).against_baseline[1].reason, HasSubstr("1 sample is too few"));
}

TEST(Statistics, OfNoSampleSayThatToo) {
  Comparison comparison;
  comparison.methods = {instance(0, {}), instance(0.3, {}), instance(0.6, {})};
  const auto statistics = statistics_of(comparison, {0.5});
  EXPECT_FALSE(statistics.against_baseline[1].avg_nll_delta);
  EXPECT_THAT(statistics.against_baseline[1].reason, HasSubstr("0 samples are too few"));
  EXPECT_THAT(statistics.equal_density.at(0).reason, HasSubstr("0 samples are too few"));
}

TEST(Statistics, LeaveOutAnInstanceWithAFailedUnit) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.3, nll_of(8)), instance(0.6, nll_of(8))};
  fail_a_unit(comparison.methods[1]);
  const auto statistics = statistics_of(comparison, {});
  EXPECT_FALSE(statistics.against_baseline[1].avg_nll_delta);
  EXPECT_EQ(statistics.against_baseline[1].reason,
            "1 sample failed, and a part of the samples compares with nothing");
  EXPECT_TRUE(statistics.against_baseline[2].p_value);
  EXPECT_TRUE(statistics.differences.empty());
  EXPECT_EQ(statistics.differences_reason, "there are not two instances without failed samples");
}

TEST(Statistics, CompareInstancesEvenIfTheBaselineFailed) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.3, nll_of(8)), instance(0.6, plus(nll_of(8), 1))};
  fail_a_unit(comparison.methods[0]);
  const auto statistics = statistics_of(comparison, {0.5});
  EXPECT_THAT(statistics.against_baseline[2].reason, HasSubstr("samples of the baseline failed"));
  EXPECT_THAT(statistics.equal_density.at(0).reason, HasSubstr("samples of the baseline failed"));
  EXPECT_DOUBLE_EQ(statistics.differences.at(0).ci95->low, -0.1);
}

TEST(Statistics, SayWhyThereAreNoPairs) {
  Comparison comparison;
  comparison.methods.assign(252, instance(0.5, nll_of(2)));
  const auto statistics = statistics_of(comparison, {});
  EXPECT_TRUE(statistics.differences.empty());
  EXPECT_EQ(statistics.differences_reason, "251 instances are too many to compare in pairs; at most 250 are");
}

TEST(Statistics, OfAPerplexityThatIsNoNumberKeepTheIntervalOfTheNll) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.5, plus(nll_of(8), 7200))};  // e^720 = inf
  const auto row = statistics_of(comparison, {}).against_baseline[1];
  EXPECT_FALSE(row.ppl_delta_ci95);
  EXPECT_THAT(row.ppl_reason, HasSubstr("too large"));
  EXPECT_DOUBLE_EQ(row.avg_nll_delta_ci95->low, 720);
  EXPECT_EQ(row.reason, "");
}

// Densities 0.8 and 0.4 cost 0.1 and 0.3; 0.5 lies three quarters of the way.
TEST(Statistics, AtEqualDensityLieOnTheLineBetweenPoints) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.6, plus(nll_of(8), 3), 40),
                        instance(0.2, plus(nll_of(8), 1), 80)};
  const auto rows = statistics_of(comparison, {0.5, 0.8, 0.3}).equal_density;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_DOUBLE_EQ(rows[0].avg_nll_delta.value(), 0.25);
  EXPECT_DOUBLE_EQ(rows[0].ci95->low, 0.25);
  EXPECT_DOUBLE_EQ(rows[0].ci95->high, 0.25);
  EXPECT_EQ(rows[0].label, "Random");
  EXPECT_THAT(rows[0].points, testing::ElementsAre(MethodIndex(1), MethodIndex(2)));
  EXPECT_DOUBLE_EQ(rows[1].avg_nll_delta.value(), 0.1);  // the end itself
  EXPECT_FALSE(rows[2].avg_nll_delta || rows[2].ci95);
  EXPECT_EQ(rows[2].reason, "the sweep covers densities from 0.4 to 0.8, and nothing is guessed beyond them");
}

TEST(Statistics, AtEqualDensityNeedTwoPointsWithoutFailures) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.6, nll_of(8)), instance(0.2, nll_of(8))};
  fail_a_unit(comparison.methods[2]);
  const auto rows = statistics_of(comparison, {0.5}).equal_density;
  EXPECT_EQ(rows.at(0).reason, "fewer than two points of the sweep are without failed samples");
}

TEST(Statistics, DoNotDependOnThreads) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(30)), instance(0.6, nll_of(30), 40),
                        instance(0.2, nll_of(30), 80)};
  for (std::size_t s = 0; s < 30; ++s) comparison.methods[1].per_sample[s].numbers.total_nll += std::sin(s);
  const auto one = statistics_of(comparison, {0.5}, 1);
  for (const int n_threads : {0, 2, 7}) {
    const auto several = statistics_of(comparison, {0.5}, n_threads);
    EXPECT_EQ(several.against_baseline[1].avg_nll_delta_ci95, one.against_baseline[1].avg_nll_delta_ci95);
    EXPECT_EQ(several.against_baseline[1].p_value, one.against_baseline[1].p_value);
    EXPECT_EQ(several.differences[0].ci95, one.differences[0].ci95);
    EXPECT_EQ(several.equal_density[0].ci95, one.equal_density[0].ci95);
  }
}

TEST(SampleSums, RefusesMethodsOfOtherSamples) {
  Comparison comparison;
  comparison.methods = {instance(0, nll_of(8)), instance(0.5, nll_of(7))};
  EXPECT_THROW(sample_sums(comparison), InvariantError);
}

}  // namespace
}  // namespace kvcompare
