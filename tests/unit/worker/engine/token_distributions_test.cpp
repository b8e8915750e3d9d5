#include "worker/engine/token_distributions.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using testing::ElementsAre;

// Tokens 5 6 7 8 9: of the four that are predicted, the first three are the most likely ones.
const std::vector<TokenId> kIds{5, 6, 7, 8, 9};

TokenDistributions example() {
  return {.nll = {0.5, 1, 2, 4},
          .top1 = {6, 7, 8, 3},
          .kl = {0.125, 0.25, 0.5, 1},
          .acceptance = {0.75, 0.5, 0.25, 0.125},
          .reference_nll = {0.5, 3, 0.75, 0.5},
          .reference_top1 = {6, 1, 8, 9}};
}

UnitResult result_of(const Sample& sample, TokenDistributions tokens) {
  UnitResult result;
  result.numbers.n_tokens = std::ssize(sample.ids);
  put_tokens(result, sample, std::move(tokens));
  return result;
}

double delta_p(std::size_t i) { return std::exp(-example().nll[i]) - std::exp(-example().reference_nll[i]); }

TEST(PutTokens, SumsOverAllTokensIfTheSampleNamesNone) {
  const auto result = result_of({SampleIndex(0), kIds}, example());
  EXPECT_EQ(result.numbers.total_nll, 7.5);
  EXPECT_EQ(result.numbers.answers, (AnswerCounts{.greedy_hits = 3, .spans = 0, .spans_exact = 0}));
  const auto& sums = result.numbers.divergence.value();
  EXPECT_EQ(sums.sum_kl, 1.875);
  EXPECT_EQ(sums.sum_acceptance, 1.625);
  EXPECT_NEAR(sums.sum_delta_p, delta_p(0) + delta_p(1) + delta_p(2) + delta_p(3), 1e-15);
  EXPECT_EQ(sums.n_same_top1, 2);
  EXPECT_EQ(sums.n_delta_nll_above_1, 2);  // by 1.25 and 3.5
  EXPECT_EQ(sums.n_delta_nll_above_3, 1);
  EXPECT_EQ(result.sketches.kl, sketch_of(example().kl));
  EXPECT_EQ(result.token_nll, example().nll);
  EXPECT_THAT(result.token_quality.greedy_hit, ElementsAre(1, 1, 1, 0));
  EXPECT_THAT(result.token_quality.same_top1, ElementsAre(1, 0, 1, 0));
  EXPECT_EQ(result.token_quality.kl, example().kl);
  EXPECT_THAT(result.token_quality.delta_p, ElementsAre(0, delta_p(1), delta_p(2), delta_p(3)));
}

TEST(PutTokens, SumsOverScoredTokensAloneAndCountsTheRangesThatAreExact) {
  Sample sample{SampleIndex(0), kIds};
  sample.scored = {{1, 3}, {4, 5}};
  const auto result = result_of(sample, example());
  EXPECT_EQ(result.numbers.total_nll, 5.5);
  EXPECT_EQ(result.numbers.answers, (AnswerCounts{.greedy_hits = 2, .spans = 2, .spans_exact = 1}));
  const auto& sums = result.numbers.divergence.value();
  EXPECT_EQ(sums.sum_kl, 1.375);
  EXPECT_EQ(sums.sum_delta_p_squared, delta_p(1) * delta_p(1) + delta_p(3) * delta_p(3));
  EXPECT_EQ(sums.n_same_top1, 1);
  EXPECT_EQ(sums.n_delta_nll_above_3, 1);
  EXPECT_EQ(result.sketches.kl, sketch_of(std::vector<double>{0.125, 0.25, 1}));
  EXPECT_EQ(result.sketches.delta_p.n(), 3);
  EXPECT_EQ(result.token_nll.size(), 4u);
  EXPECT_EQ(result.token_quality.kl.size(), 4u);
}

// Of four ranges the first is exact and the last three are missed; the second has no evidence.
TEST(PutTokens, SumsTheEvidenceOfExactAndOfMissedRanges) {
  Sample sample{SampleIndex(0), {5, 6, 7, 8, 9}};
  sample.scored = {{1, 2}, {2, 3}, {3, 4}, {4, 5}};
  UnitResult result;
  result.numbers.n_tokens = 5;
  result.span_evidence = {.keys = {8, 0, 7, 6}, .keys_kept = {5, 0, 3, 3}};
  put_tokens(result, sample, {.nll = {1, 1, 1, 1}, .top1 = {6, 0, 0, 0}});
  EXPECT_EQ(result.numbers.evidence, (EvidenceCounts{.spans = 3,
                                                     .spans_exact = 1,
                                                     .keys = 21,
                                                     .keys_kept = 11,
                                                     .keys_exact = 8,
                                                     .keys_kept_exact = 5,
                                                     .spans_missed_evicted = 1}));  // 3 of 7; 3 of 6 is half
  EXPECT_EQ(result.numbers.evidence->spans_missed_kept(), 1);
  sample.last_scored_is_cut = true;
  put_tokens(result, sample, {.nll = {1, 1, 1, 1}, .top1 = {6, 0, 0, 9}});
  EXPECT_EQ(result.numbers.evidence->spans_exact, 1) << "what is cut off is never exact";
}

TEST(PutTokens, HasNoEvidenceWhereTheSampleNamesNone) {
  EXPECT_FALSE(result_of({SampleIndex(0), kIds}, example()).numbers.evidence);
}

TEST(PutTokens, ComparesNothingWithoutAReference) {
  const auto result = result_of({SampleIndex(0), kIds}, {.nll = {1, 1, 1, 1}, .top1 = {6, 0, 0, 9}});
  EXPECT_EQ(result.numbers.answers->greedy_hits, 2);
  EXPECT_FALSE(result.numbers.divergence);
  EXPECT_EQ(result.sketches, DivergenceSketches{});
  EXPECT_TRUE(result.token_quality.kl.empty());
}

TEST(PutTokens, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto tokens = example();
  tokens.kl[1] = nan;
  const auto without_kl = result_of({SampleIndex(0), kIds}, tokens);
  EXPECT_FALSE(without_kl.numbers.divergence);
  EXPECT_TRUE(without_kl.numbers.answers);
  tokens.nll[1] = nan;
  const auto without_nll = result_of({SampleIndex(0), kIds}, tokens);
  EXPECT_FALSE(without_nll.numbers.divergence);
  EXPECT_FALSE(without_nll.numbers.answers);
  EXPECT_FALSE(without_nll.numbers.evidence);
  EXPECT_TRUE(std::isnan(without_nll.numbers.total_nll));
}

TEST(TokenDistributions, OfPartsAreJoinedInOrder) {
  TokenDistributions tokens;
  append(
      tokens,
      {.nll = {1}, .top1 = {2}, .kl = {3}, .acceptance = {4}, .reference_nll = {5}, .reference_top1 = {6}});
  append(
      tokens,
      {.nll = {7}, .top1 = {8}, .kl = {9}, .acceptance = {1}, .reference_nll = {2}, .reference_top1 = {3}});
  EXPECT_THAT(tokens.nll, ElementsAre(1, 7));
  EXPECT_THAT(tokens.top1, ElementsAre(2, 8));
  EXPECT_THAT(tokens.kl, ElementsAre(3, 9));
  EXPECT_THAT(tokens.acceptance, ElementsAre(4, 1));
  EXPECT_THAT(tokens.reference_nll, ElementsAre(5, 2));
  EXPECT_THAT(tokens.reference_top1, ElementsAre(6, 3));
}

}  // namespace
}  // namespace kvcompare
