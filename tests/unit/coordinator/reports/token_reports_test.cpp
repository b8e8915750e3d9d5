// What is said of single tokens: the tables of llama-perplexity, and the tokens that are predicted worst.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/reports/inspection.h"
#include "coordinator/reports/llama_perplexity.h"
#include "coordinator/reports/token_moments.h"
#include "coordinator/reports/worst_tokens.h"
#include "tests/unit/coordinator/reports/compared_distributions.h"
#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Of samples 0 and 2 with 3 and 5 predicted tokens. The sums are those of compared_distributions().
UnitResult unit_of(UnitId unit) {
  auto result = imaginary_result({.sample = unit.sample.value, .method = unit.method.value});
  const bool is_first = unit.sample.value == 0;
  if (unit.method.value == 0) {
    result.token_nll = is_first ? std::vector{2.0, 2.5, 2.0} : std::vector{1.5, 2.0, 2.0, 2.0, 2.0};
    return result;
  }
  result.token_nll = is_first ? std::vector{2.25, 2.5, 2.0} : std::vector{1.5, 2.0, 2.25, 2.0, 2.0};
  const auto n = is_first ? 3 : 5;
  result.token_quality = {
      .greedy_hit = std::vector<std::uint8_t>(static_cast<std::size_t>(n)),
      .kl = {kKlOfTokens + (is_first ? 0 : 3), kKlOfTokens + (is_first ? 3 : 8)},
      .delta_p = is_first ? std::vector{-0.125, 0.0, 0.0} : std::vector{-0.25, 0.0, -0.125, 0.0, 0.0},
      .same_top1 = std::vector<std::uint8_t>(static_cast<std::size_t>(n))};
  return result;
}

std::string line_with(const std::string& text, const std::string& begin) {
  const auto at = text.find("\n" + begin);
  if (at == std::string::npos) return "no line begins with " + begin;
  return text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}

// By hand: 8 tokens, KL 0 twice, 1/8 four times, 1/4 twice.
TEST(TokenDistribution, OfNumbersIsLinearBetweenOrderStatistics) {
  const TokenDistribution kl(std::vector<double>(std::begin(kKlOfTokens), std::end(kKlOfTokens)));
  EXPECT_EQ(kl.percentile(0), 0);
  EXPECT_EQ(kl.percentile(100), 0.25);
  EXPECT_EQ(kl.percentile(50), 0.125);
  EXPECT_DOUBLE_EQ(kl.percentile(100.0 / 7 * 1.5), 0.0625);  // half way between the second and the third
  EXPECT_EQ(kl.sum_of_powers(2), 4.0 / 64 + 2.0 / 16);
}

TEST(TokenDistribution, OfASketchIsWithinItsErrorOfTheNumbers) {
  const std::vector<double> numbers(std::begin(kKlOfTokens), std::end(kKlOfTokens));
  const TokenDistribution exact(numbers), sketched(sketch_of(numbers));
  for (const double percent : {0.0, 50.0, 100.0})
    EXPECT_NEAR(sketched.percentile(percent), exact.percentile(percent), 0.004 * exact.percentile(percent));
  EXPECT_NEAR(sketched.sum_of_powers(2), exact.sum_of_powers(2), 0.01 * exact.sum_of_powers(2));
}

TEST(LlamaPerplexity, HasTheLinesOfItsOriginalInOrder) {
  const auto text = llama_perplexity_text(compared_distributions(), {unit_of});
  std::size_t at = 0;
  for (const auto* line : {"###### StreamingLLM 0.5 ######\n",
                           "====== Perplexity statistics ======\n",
                           "Mean PPL(Q)                   : ",
                           "Mean PPL(base)                : ",
                           "Cor(ln(PPL(Q)), ln(PPL(base))): ",
                           "Mean ln(PPL(Q)/PPL(base))     : ",
                           "Mean PPL(Q)/PPL(base)         : ",
                           "Mean PPL(Q)-PPL(base)         : ",
                           "====== KL divergence statistics ======\n",
                           "Mean    KLD: ",
                           "Maximum KLD: ",
                           "99.9%   KLD: ",
                           "99.0%   KLD: ",
                           "95.0%   KLD: ",
                           "90.0%   KLD: ",
                           "Median  KLD: ",
                           "10.0%   KLD: ",
                           " 5.0%   KLD: ",
                           " 1.0%   KLD: ",
                           " 0.1%   KLD: ",
                           "Minimum KLD: ",
                           "====== Token probability statistics ======\n",
                           "Mean    Δp: ",
                           "Maximum Δp: ",
                           "99.9%   Δp: ",
                           "99.0%   Δp: ",
                           "95.0%   Δp: ",
                           "90.0%   Δp: ",
                           "75.0%   Δp: ",
                           "Median  Δp: ",
                           "25.0%   Δp: ",
                           "10.0%   Δp: ",
                           " 5.0%   Δp: ",
                           " 1.0%   Δp: ",
                           " 0.1%   Δp: ",
                           "Minimum Δp: ",
                           "RMS Δp    : ",
                           "Same top p: ",
                           "###### StreamingLLM 0.75 ######\n"}) {
    const auto found = text.find(line, at);
    ASSERT_NE(found, std::string::npos) << line << "\n" << text;
    at = found + 1;
  }
}

TEST(LlamaPerplexity, HoldsTheNumbersOfTheTokens) {
  const auto text = llama_perplexity_text(compared_distributions(), {unit_of});
  EXPECT_EQ(line_with(text, "Maximum KLD"), "Maximum KLD:   0.250000");
  EXPECT_EQ(line_with(text, "Median  KLD"), "Median  KLD:   0.125000");
  EXPECT_EQ(line_with(text, "10.0%   KLD"), "10.0%   KLD:   0.000000");
  EXPECT_EQ(line_with(text, "Minimum Δp"), "Minimum Δp: -25.000%");
  EXPECT_EQ(line_with(text, "Mean PPL(base)"), "Mean PPL(base)                :   7.389056 ±   0.000000");
  // 7/8 of the tokens; sqrt(7/8 * 1/8 / 7) = 0.125
  EXPECT_EQ(line_with(text, "Same top p"), "Same top p: 87.500 ± 12.500 %");
  EXPECT_EQ(line_with(text, "RMS Δp"), "RMS Δp    : 12.500 ± 0.000 %");  // no uncertainty of 8 tokens
}

TEST(LlamaPerplexity, LeavesOutTheUncertaintyOfPerplexitiesWhereTokensWereNotKept) {
  auto comparison = compared_distributions();
  comparison.spec.save_token_nll = false;
  const auto text = llama_perplexity_text(comparison, {unit_of});
  EXPECT_EQ(line_with(text, "Mean PPL(base)"), "Mean PPL(base)                :   7.389056");
  EXPECT_THAT(text, Not(HasSubstr("Cor(")));
  EXPECT_THAT(text, HasSubstr("(without uncertainties: the run did not keep the NLL of each scored token"));
  EXPECT_THAT(line_with(text, "Mean    KLD"), HasSubstr("0.125000 ±"));
}

TEST(LlamaPerplexity, SaysWhyAMethodHasNoTables) {
  auto comparison = compared_distributions();
  comparison.methods[3].totals->sums.divergence.reset();
  const auto text = llama_perplexity_text(comparison, {unit_of});
  EXPECT_THAT(text, HasSubstr("###### Random ######\n\n(no tables: 1 sample failed"));
  EXPECT_THAT(text, HasSubstr("###### KVzap τ -6 ######\n\n(no tables: the units were evaluated by"));
}

TEST(LlamaPerplexity, TakesTheScoredTokensAloneWhereTheDataNamesThem) {
  auto comparison = compared_distributions();
  for (auto& method : comparison.methods)
    for (auto& row : method.per_sample) row.numbers.n_tokens += 2;  // two more that are not scored
  const ReadRun read{[](UnitId unit) {
    auto result = unit_of(unit);
    result.scored = {{3, std::ssize(result.token_nll) + 3}};
    result.token_nll.insert(result.token_nll.begin(), {99, 98});
    for (auto* numbers : {&result.token_quality.kl, &result.token_quality.delta_p})
      if (!numbers->empty()) numbers->insert(numbers->begin(), {99, 98});
    return result;
  }};
  EXPECT_EQ(token_moments(comparison, 1, read)->nll,
            token_moments(compared_distributions(), 1, {unit_of})->nll);
  EXPECT_EQ(token_moments(comparison, 1, read)->kl.percentile(100), 0.25);
}

SampleTokens tokens_of(SampleIndex sample) {
  return {.sample = sample, .ids = std::vector<TokenId>(sample.value == 0 ? 4 : 6, 5)};
}

TEST(WorstTokens, AreThoseWithTheLargestDifferenceTheFirstOfEqualsFirst) {
  const auto worst = worst_tokens(compared_distributions(), 1, 3, {unit_of, tokens_of});
  ASSERT_EQ(worst.size(), 3u);
  EXPECT_EQ(worst[0], (WorstToken{SampleIndex(0), 1, 2.25, 2, 0.125}));
  EXPECT_EQ(worst[1], (WorstToken{SampleIndex(2), 3, 2.25, 2, 0.25}));
  EXPECT_EQ(worst[2].nll_delta(), 0);
  EXPECT_EQ(worst[2].position, 2);
  EXPECT_EQ(worst_tokens(compared_distributions(), 1, 99, {unit_of, tokens_of}).size(), 8u);
  EXPECT_TRUE(worst_tokens(compared_distributions(), 0, 3, {unit_of, tokens_of}).empty());
}

TEST(WorstTokens, AreScoredOnes) {
  const auto some_scored = [](UnitId unit) {
    auto result = unit_of(unit);
    result.scored = {{2, 4}};
    return result;
  };
  const auto worst = worst_tokens(compared_distributions(), 1, 9, {some_scored, tokens_of});
  std::vector<std::int64_t> positions;
  for (const auto& token : worst) positions.push_back(token.position);
  EXPECT_THAT(positions, ElementsAre(3, 2, 3, 2));
}

TEST(WorstTokens, SayHowMuchOfTheEvidenceOfTheirRangeIsKept) {
  const auto with_evidence = [](UnitId unit) {
    auto result = unit_of(unit);
    result.scored = {{1, 2}, {2, 4}};
    if (unit.sample.value == 0 && unit.method.value == 1) result.span_evidence = {{0, 8}, {0, 2}};
    return result;
  };
  for (const auto& token : worst_tokens(compared_distributions(), 1, 9, {with_evidence, tokens_of}))
    EXPECT_EQ(token.evidence_kept,
              token.sample.value == 0 && token.position > 1 ? std::optional(0.25) : std::nullopt);
}

TEST(Inspection, HasAColumnOfEvidenceWhereThereIsSome) {
  const std::vector<ShownToken> tokens{
      {{SampleIndex(12), 345, 9.5, 0.25, 4.5, 0.25}, {"to the ", "castle", " where"}},
      {{SampleIndex(3), 7, 2, 1.875, std::nullopt}, {"", "a", "b"}}};
  EXPECT_EQ(inspection_text("StreamingLLM 0.5", tokens, std::nullopt),
            R"(StreamingLLM 0.5
   ΔNLL       NLL  Baseline      KL  Sample  Position  Evidence kept  Text
+9.2500  9.500000  0.250000  4.5000      12       345         25.00%  to the ⟦castle⟧ where
+0.1250  2.000000  1.875000       -       3         7              -  ⟦a⟧b
)");
}

TEST(Inspection, ShowsEachTokenInItsText) {
  const std::vector<ShownToken> tokens{
      {{SampleIndex(12), 345, 9.5, 0.25, 4.5}, {"ten miles to the ", "castle", " where the"}},
      {{SampleIndex(3), 7, 2, 1.875, std::nullopt}, {"", "a", "↵b"}}};
  EXPECT_EQ(inspection_text("StreamingLLM 0.5", tokens, std::nullopt),
            R"(StreamingLLM 0.5
   ΔNLL       NLL  Baseline      KL  Sample  Position  Text
+9.2500  9.500000  0.250000  4.5000      12       345  ten miles to the ⟦castle⟧ where the
+0.1250  2.000000  1.875000       -       3         7  ⟦a⟧↵b
)");
}

TEST(Inspection, FitsTheTerminal) {
  const std::vector<ShownToken> tokens{
      {{SampleIndex(12), 345, 9.5, 0.25, 4.5}, {std::string(60, 'x'), "castle", std::string(30, 'y')}}};
  EXPECT_THAT(inspection_text("a", tokens, 90), HasSubstr("  …xxxxxxxxxxxxxxxxxx⟦castle⟧yyyyyyy…\n"));
}

}  // namespace
}  // namespace kvcompare
