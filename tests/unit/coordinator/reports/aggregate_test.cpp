#include "coordinator/reports/aggregate.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "coordinator/reports/instance_numbers.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

RunSpec two_methods() {
  RunSpec spec;
  spec.methods = {{"baseline", "Baseline", KeepAll{}, {}}, {"random", "Random", RatioBudget{0.5}, {}}};
  return spec;
}

UnitTable table(const std::vector<ImaginaryUnit>& units) {
  UnitTable result;
  for (const auto& unit : units) {
    const auto unit_result = imaginary_result(unit);
    result[unit_result.unit].summary = unit_result.numbers;
  }
  return result;
}

JournalHeader header(std::vector<SampleIndex> skipped = {}) {
  JournalHeader header;
  header.spec = two_methods();
  header.n_samples = std::ssize(skipped);
  header.skipped = std::move(skipped);
  return header;
}

TEST(Aggregate, SumsTokensNllAndKeysOverTheSamples) {
  const auto comparison = aggregate(
      header({SampleIndex(1)}),
      table({{.sample = 0, .method = 0, .n_tokens = 4, .total_nll = 3},
             {.sample = 2, .method = 0, .n_tokens = 8, .total_nll = 12},
             {.sample = 0, .method = 1, .n_tokens = 4, .total_nll = 4, .n_evicted = 2, .n_withheld = 1},
             {.sample = 2, .method = 1, .n_tokens = 8, .total_nll = 16, .n_evicted = 4, .n_withheld = 9}}));
  ASSERT_EQ(comparison.methods.size(), 2u);
  const auto& random = comparison.methods[1];
  ASSERT_TRUE(random.totals);
  EXPECT_EQ(random.totals->total_tokens, 10);
  EXPECT_EQ(random.totals->sums.total_nll, 20);
  EXPECT_EQ(random.totals->avg_nll, 2);
  EXPECT_DOUBLE_EQ(random.totals->perplexity, std::exp(2.0));
  EXPECT_EQ(random.totals->sums.keys.original, 12);
  EXPECT_EQ(random.totals->sums.keys.kept, 6);
  EXPECT_EQ(random.totals->keys_discarded(), 6);
  EXPECT_EQ(random.totals->avg_compression_ratio, 0.5);
  EXPECT_DOUBLE_EQ(random.totals->attended_density, (10 + 36 - 10) / 46.0);
  EXPECT_EQ(random.totals->compressible_density, 0.5);
  EXPECT_EQ(random.totals->sums.keys.peak, 8);
  EXPECT_THAT(comparison.skipped, testing::ElementsAre(SampleIndex(1)));
  ASSERT_EQ(random.per_sample.size(), 2u);
  EXPECT_EQ(random.per_sample[1].sample, SampleIndex(2));
  EXPECT_EQ(random.per_sample[1].numbers.n_scored(), 7);
  EXPECT_EQ(random.per_sample[1].numbers.keys.kept, 4);
  EXPECT_DOUBLE_EQ(random.per_sample[1].numbers.attended_density(), 27 / 36.0);
}

// Sample 0 scores 2 of 3 predicted tokens, sample 1 all 7.
TEST(Aggregate, GoesByTheScoredTokens) {
  auto units = table({{.sample = 0, .method = 0, .n_tokens = 4, .total_nll = 3},
                      {.sample = 1, .method = 0, .n_tokens = 8, .total_nll = 15},
                      {.sample = 0, .method = 1, .n_tokens = 4, .total_nll = 3},
                      {.sample = 1, .method = 1, .n_tokens = 8, .total_nll = 15}});
  EXPECT_FALSE(aggregate(header(), units).scores_ranges());
  for (auto& [unit, record] : units) {
    if (unit.sample == SampleIndex(0)) record.summary->n_unscored = 1;
    record.summary->scored_bytes = 5 + unit.sample.value;
    record.summary->scored_words = 2;
  }
  const auto comparison = aggregate(header(), units);
  EXPECT_TRUE(comparison.scores_ranges());
  ASSERT_TRUE(comparison.methods[0].totals);
  EXPECT_EQ(comparison.methods[0].totals->total_tokens, 2 + 7);
  EXPECT_EQ(comparison.methods[0].totals->avg_nll, 2);
  const auto numbers = instance_numbers(comparison, 0);
  EXPECT_DOUBLE_EQ(numbers.bits_per_byte.value.value(), 18 / std::log(2.0) / 11);
  EXPECT_DOUBLE_EQ(numbers.word_perplexity.value.value(), std::exp(18 / 4.0));
}

TEST(Aggregate, HasNoBytesAndWordsWhereASampleHasNoText) {
  auto units = table({{.sample = 0, .method = 0}, {.sample = 1, .method = 0}});
  units.at({SampleIndex(0), MethodIndex(0)}).summary->scored_bytes = 5;
  auto one_method = header();
  one_method.spec.methods.pop_back();
  const auto numbers = instance_numbers(aggregate(one_method, units), 0);
  EXPECT_EQ(numbers.bits_per_byte.value, std::nullopt);
  EXPECT_THAT(numbers.bits_per_byte.reason, testing::HasSubstr("token ids without text"));
  EXPECT_THAT(numbers.word_perplexity.reason, testing::HasSubstr("token ids without text"));
  units.at({SampleIndex(1), MethodIndex(0)}).summary->scored_bytes = 1;
  const auto without_words = instance_numbers(aggregate(one_method, units), 0);
  EXPECT_TRUE(without_words.bits_per_byte.value);
  EXPECT_THAT(without_words.word_perplexity.reason, testing::HasSubstr("holds no word"));
}

TEST(Aggregate, CountsTheBytesOfKeysAndValuesInTheNumberFormatOfTheRun) {
  auto with_sizes = header();
  with_sizes.model.head_dim = 48;
  const auto units = table({{.sample = 0, .method = 0, .n_tokens = 4},
                            {.sample = 1, .method = 0, .n_tokens = 9},
                            {.sample = 0, .method = 1, .n_tokens = 4, .n_evicted = 1},
                            {.sample = 1, .method = 1, .n_tokens = 9, .n_evicted = 7}});
  // 3 + 2 keys at the end, 9 at once; of 48 numbers, as are their values.
  for (const auto& [dtype, bytes_end, bytes_peak] : {std::tuple{Dtype::kFloat64, 3840, 6912},
                                                     {Dtype::kFloat32, 1920, 3456},
                                                     {Dtype::kBFloat16, 960, 1728},
                                                     {Dtype::kFloat16, 960, 1728}}) {
    with_sizes.spec.dtype = dtype;
    const auto totals = *aggregate(with_sizes, units).methods[1].totals;
    EXPECT_EQ(totals.cache_bytes_end, bytes_end) << to_string(dtype);
    EXPECT_EQ(totals.peak_cache_bytes, bytes_peak) << to_string(dtype);
  }
}

// In another order the large numbers would swallow another part of the small one.
TEST(Aggregate, SumsInDataSetOrder) {
  const std::vector<double> nll{1e16, 1, -1e16, 3};  // in order: ((1e16 + 1) - 1e16) + 3 = 3; backwards 0
  UnitTable units;
  for (const std::int64_t s : {2, 0, 3, 1}) {
    const auto result = imaginary_result({.sample = s, .total_nll = nll[static_cast<std::size_t>(s)]});
    units[result.unit].summary = result.numbers;
  }
  auto one_method = header();
  one_method.spec.methods.pop_back();
  EXPECT_EQ(aggregate(one_method, units).methods[0].totals->sums.total_nll, 3);
}

TEST(Aggregate, SumsDistributionsAndAnswersWhereEverySampleHasThem) {
  auto units = table({{.sample = 0, .method = 0}, {.sample = 1, .method = 0}});
  auto& first = *units[{SampleIndex(0), MethodIndex(0)}].summary;
  auto& second = *units[{SampleIndex(1), MethodIndex(0)}].summary;
  first.answers = {.greedy_hits = 1, .spans = 2, .spans_exact = 1};
  first.divergence = Divergence{.sum_kl = 0.5, .n_same_top1 = 2};
  second.answers = {.greedy_hits = 3, .spans = 1, .spans_exact = 0};
  auto one_method = header();
  one_method.spec.methods.pop_back();
  const auto totals = *aggregate(one_method, units).methods[0].totals;
  EXPECT_EQ(totals.sums.answers, (AnswerCounts{.greedy_hits = 4, .spans = 3, .spans_exact = 1}));
  EXPECT_FALSE(totals.sums.divergence);  // of one sample alone
  second.divergence = Divergence{.sum_kl = 0.25, .n_same_top1 = 3};
  EXPECT_EQ(aggregate(one_method, units).methods[0].totals->sums.divergence,
            (Divergence{.sum_kl = 0.75, .n_same_top1 = 5}));
}

TEST(AddDetails, MergesTheSketchesOfAllSamples) {
  auto comparison = aggregate(header(), table({{.sample = 0, .method = 0}, {.sample = 1, .method = 0}}));
  add_details(comparison, [](UnitId unit) {
    auto result = imaginary_result({.sample = unit.sample.value});
    const std::vector<double> kl =
        unit.sample.value == 0 ? std::vector{0.5, 2.0} : std::vector{0.5, 0.125, 8.0};
    result.sketches = {.kl = sketch_of(kl), .delta_p = sketch_of(std::vector{-0.25})};
    return result;
  });
  const std::vector<double> all{0.5, 2.0, 0.5, 0.125, 8.0}, both{-0.25, -0.25};
  EXPECT_EQ(comparison.methods[0].sketches.kl, sketch_of(all));
  EXPECT_EQ(comparison.methods[0].sketches.delta_p, sketch_of(both));
}

TEST(Aggregate, LeavesOutTheTotalsOfAMethodWithAFailedUnit) {
  auto units = table({{.sample = 0, .method = 0}, {.sample = 1, .method = 0}, {.sample = 0, .method = 1}});
  const UnitId failed{SampleIndex(1), MethodIndex(1)};
  units[failed] = {.n_failed = 3, .reason = "not finite"};
  const auto comparison = aggregate(header(), units);
  EXPECT_TRUE(comparison.methods[0].totals);
  EXPECT_FALSE(comparison.methods[1].totals);
  EXPECT_EQ(comparison.methods[1].per_sample.size(), 1u);
  ASSERT_EQ(comparison.methods[1].failed.size(), 1u);
  EXPECT_EQ(comparison.methods[1].failed[0].reason, "not finite");
  EXPECT_EQ(comparison.methods[1].failed[0].n_attempts, 3);
}

TEST(Aggregate, HasNoTotalsWhenEverySampleWasSkipped) {
  const auto comparison = aggregate(header({SampleIndex(0)}), {});
  EXPECT_FALSE(comparison.methods[0].totals);
  EXPECT_EQ(comparison.n_samples, 1);
}

TEST(CheckEffect, FailsAMethodThatEvictsYetEqualsTheBaselineEverywhere) {
  EXPECT_THROW(check_effect(two_methods(),
                            table({{.sample = 0, .method = 0}, {.sample = 0, .method = 1, .n_withheld = 1}})),
               InvariantError);
}

TEST(CheckEffect, AcceptsAnEvictionThatShowsInOneSample) {
  EXPECT_NO_THROW(
      check_effect(two_methods(), table({{.sample = 0, .method = 0},
                                         {.sample = 0, .method = 1, .n_withheld = 1},
                                         {.sample = 1, .method = 0},
                                         {.sample = 1, .method = 1, .total_nll = 3.5, .n_withheld = 1}})));
}

// 51 of 5050 keys are more than 1 %, 50 are less.
TEST(CheckEffect, AsksForAnEffectOnlyWhereAHundredthOfTheKeysIsWithheld) {
  const auto withholding = [](std::int64_t n) {
    return table({{.sample = 0, .method = 0, .n_tokens = 100},
                  {.sample = 0, .method = 1, .n_tokens = 100, .n_withheld = n}});
  };
  EXPECT_NO_THROW(check_effect(two_methods(), withholding(50)));
  EXPECT_THROW(check_effect(two_methods(), withholding(51)), InvariantError);
}

// What shows anywhere is an effect, however little was withheld there.
TEST(CheckEffect, AcceptsASmallEvictionThatShowsBesideALargeOneThatDoesNot) {
  EXPECT_NO_THROW(check_effect(
      two_methods(), table({{.sample = 0, .method = 0},
                            {.sample = 0, .method = 1, .n_withheld = 5},
                            {.sample = 1, .method = 0, .n_tokens = 100},
                            {.sample = 1, .method = 1, .n_tokens = 100, .total_nll = 4, .n_withheld = 1}})));
}

TEST(CheckEffect, AcceptsAnEvictionAfterTheLastScoredQuery) {
  EXPECT_NO_THROW(check_effect(
      two_methods(), table({{.sample = 0, .method = 0}, {.sample = 0, .method = 1, .n_evicted = 2}})));
}

TEST(CheckEffect, FailsAMethodThatDiffersWithoutWithholdingAKey) {
  EXPECT_THROW(
      check_effect(two_methods(), table({{.sample = 0, .method = 0},
                                         {.sample = 0, .method = 1, .total_nll = std::nextafter(3.0, 4.0)}})),
      InvariantError);
}

}  // namespace
}  // namespace kvcompare
