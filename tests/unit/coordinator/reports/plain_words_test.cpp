#include "coordinator/reports/plain_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/reports/example_comparison.h"

namespace kvcompare {
namespace {

MethodResult instance(const std::string& name, const std::string& label, std::int64_t kept_of_1000) {
  MethodResult method;
  method.spec = {name, name, RatioBudget{}, {}};
  method.label = label;
  method.totals.emplace();
  method.totals->sums.keys.original = 1000;
  method.totals->sums.keys.kept = kept_of_1000;
  return method;
}

AgainstBaseline against(double delta, Interval interval, double p) {
  return {.avg_nll_delta = delta, .avg_nll_delta_ci95 = interval, .p_value = p, .p_value_holm = p};
}

Difference between(int a, int b, Interval interval, double p) {
  return {.a = MethodIndex(a), .b = MethodIndex(b), .ci95 = interval, .p_value = p, .p_value_holm = p};
}

Comparison sweep() {
  Comparison comparison;
  comparison.methods = {instance("baseline", "Baseline", 1000), instance("knorm", "Knorm 0.74", 260),
                        instance("expected_attention", "ExpectedAttention 0.5", 500),
                        instance("random", "Random 0.9", 100)};
  comparison.methods[0].per_sample.resize(40);
  comparison.statistics.against_baseline = {{},
                                            against(0.0213, {0.0113, 0.0313}, 0.001),
                                            against(0.02, {0.012, 0.028}, 0.001),
                                            against(0.3, {0.25, 0.6}, 0.001)};
  comparison.statistics.differences = {between(1, 2, {-0.01, 0.01}, 1), between(1, 3, {-0.6, -0.2}, 0.001),
                                       between(2, 3, {-0.6, -0.2}, 0.2)};
  return comparison;
}

TEST(PlainWords, SayWhatAnInstanceKeepsWhatItCostsAndWhatItIsLike) {
  EXPECT_EQ(plain_words(sweep(), 1),
            "keeps 26 % of the keys, costs 0.021 ± 0.010 nats a token; not distinguishable from "
            "ExpectedAttention 0.5");
}

TEST(PlainWords, TellALopsidedIntervalByItsEnds) {
  EXPECT_EQ(
      plain_words(sweep(), 3),
      "keeps 10 % of the keys, costs 0.30 nats a token, between 0.25 and 0.60; not distinguishable from "
      "ExpectedAttention 0.5");
}

TEST(PlainWords, AnIntervalThatLeavesOutZeroIsNoDifferenceIfHolmsCorrectionDisagrees) {
  EXPECT_EQ(
      plain_words(sweep(), 2),
      "keeps 50 % of the keys, costs 0.020 ± 0.008 nats a token; not distinguishable from Knorm 0.74 and "
      "Random 0.9");
}

// Of 6 samples 2 of 64 flips are as extreme, and 3 x 2/64 is not below 0.05.
TEST(PlainWords, NameOnlyWhatTheIntervalDoesNotTellApartWhereNoPairCanBeCalledDifferent) {
  auto comparison = sweep();
  comparison.methods[0].per_sample.resize(6);
  EXPECT_EQ(plain_words(comparison, 2),
            "keeps 50 % of the keys, costs 0.020 ± 0.008 nats a token; not distinguishable from Knorm 0.74");
}

TEST(PlainWords, NameTheBaselineFirstAndCountWhatIsBeyondTwo) {
  auto comparison = sweep();
  comparison.statistics.against_baseline[2] = against(-0.002, {-0.014, 0.01}, 0.4);
  EXPECT_EQ(
      plain_words(comparison, 2),
      "keeps 50 % of the keys, saves 0.002 ± 0.012 nats a token; not distinguishable from the baseline, "
      "Knorm 0.74 and 1 other");
}

TEST(PlainWords, OfTheBaselineAndOfWhatFailedSaySo) {
  EXPECT_EQ(plain_words(sweep(), 0), "keeps every key: the others are measured against it");
  EXPECT_EQ(plain_words(example_comparison(), 2),
            "no totals, because 1 sample failed: a part of the samples compares with nothing");
}

TEST(PlainWords, GiveTheReasonWhereThereIsNoInterval) {
  auto comparison = sweep();
  comparison.statistics.differences.clear();
  comparison.statistics.against_baseline[1] = {.avg_nll_delta = 0.0213, .reason = "7 samples are too few"};
  EXPECT_EQ(plain_words(comparison, 1),
            "keeps 26 % of the keys, costs 0.021 nats a token (no interval: 7 samples are too few)");
  comparison.statistics.against_baseline[1] = {.reason = "a sample of the baseline failed"};
  EXPECT_EQ(plain_words(comparison, 1),
            "keeps 26 % of the keys; what it costs is not known: a sample of the baseline failed");
}

TEST(PlainWords, DoNotRoundToAllOrNothing) {
  auto comparison = sweep();
  comparison.methods[1].totals->sums.keys.kept = 998;
  EXPECT_THAT(plain_words(comparison, 1), ::testing::StartsWith("keeps 99.8 % of the keys"));
  comparison.methods[1].totals->sums.keys.kept = 4;
  EXPECT_THAT(plain_words(comparison, 1), ::testing::StartsWith("keeps 0.4 % of the keys"));
}

}  // namespace
}  // namespace kvcompare
