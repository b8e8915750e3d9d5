#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/reports/fitted_lines.h"
#include "coordinator/reports/table.h"
#include "tests/unit/coordinator/reports/compared_distributions.h"
#include "tests/unit/coordinator/reports/example_comparison.h"
#include "tests/unit/coordinator/reports/swept_comparison.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Table, ShowsAHandMadeComparison) {
  EXPECT_EQ(table(example_comparison()),
            R"(models/tiny on texts.jsonl
3 samples, chunk size 1, float32, cpu

Method    Perplexity        Δ      Δ %   Avg NLL     Kept  Attended  Peak keys
------------------------------------------------------------------------------
Baseline      7.3891        -        -  2.000000  100.00%   100.00%         24
Random       12.1825  +4.7934  +64.87%  2.500000   50.00%    75.00%         14
KVzap         failed        -        -         -        -         -          -

Skipped, without a scored token: 1 of 3 samples

KVzap: sample 2 failed after 3 attempts: NLL of token 3 is not finite
)");
}

TEST(Table, SaysThatTheDataNamesWhatIsScored) {
  Comparison comparison = example_comparison();
  comparison.methods[0].per_sample[1].numbers.n_unscored = 2;  // of 3 + 5 predicted tokens
  EXPECT_THAT(table(comparison),
              HasSubstr("\nNLL and perplexity are over 8 scored tokens of 8: those that the data names"));
}

TEST(Table, SaysOverflowForAPerplexityBeyondDouble) {
  Comparison comparison = example_comparison();
  comparison.methods[1].totals->perplexity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(table(comparison), HasSubstr("Random      overflow  -    -  2.500000"));
}

TEST(Table, ShowsAHugePerplexityInPowersOfTen) {
  Comparison comparison = example_comparison();
  comparison.methods[1].totals->perplexity = 1.5e300;
  EXPECT_THAT(table(comparison), HasSubstr("1.5000e+300"));
}

TEST(Table, SaysNothingOfSkippedOrFailedSamplesIfThereAreNone) {
  Comparison comparison = example_comparison();
  comparison.skipped.clear();
  comparison.methods.pop_back();
  EXPECT_THAT(table(comparison), Not(HasSubstr("Skipped")));
  EXPECT_THAT(table(comparison), Not(HasSubstr("failed")));
}

TEST(Table, LeavesOutColumnsThatATerminalHasNoRoomForAndNamesThem) {
  Comparison comparison = example_comparison();
  comparison.skipped.clear();
  comparison.methods.pop_back();
  EXPECT_EQ(table(comparison, 60),
            R"(models/tiny on texts.jsonl
3 samples, chunk size 1, float32, cpu

Method    Perplexity        Δ      Δ %     Kept  Peak keys
----------------------------------------------------------
Baseline      7.3891        -        -  100.00%         24
Random       12.1825  +4.7934  +64.87%   50.00%         14

Not shown, because the terminal is narrow: Avg NLL, Attended
  (all are in detailed_results.json)
)");
}

TEST(Table, HasNoLineThatIsLongerThanTheTerminal) {
  Comparison comparison = example_comparison();
  comparison.spec.data_path = "/a/folder/with/a/long/name/and/another/one/and/yet/another/texts.jsonl";
  auto swept = comparison_with_special_characters();
  swept.methods[1].label = "StreamingLLM 0.5";
  swept.methods[2].label = "StreamingLLM 0.75";
  for (const auto& one : {comparison, swept_comparison(), compared_distributions(), swept})
    for (const std::size_t width : {30, 40, 59, 60, 77, 78, 79, 80, 81, 100, 124, 125, 200}) {
      std::istringstream lines(table(one, width));
      for (std::string line; std::getline(lines, line);)
        EXPECT_LE(display_width(line), width) << "at " << width << ": " << line;
    }
}

TEST(Table, GroupsInstancesOfAMethodAndShowsIntervalsAndEqualDensity) {
  EXPECT_EQ(table(swept_comparison()),
            R"(models/tiny on texts.jsonl
3 samples, chunk size 1, bfloat16, cpu

Method        Perplexity        Δ      Δ %   Avg NLL       ΔNLL       95 % interval     Kept  Attended  Peak keys  Peak cache
-----------------------------------------------------------------------------------------------------------------------------
Baseline          7.3891        -        -  2.000000        -                     -  100.00%   100.00%         28     7.0 KiB
StreamingLLM
  0.5             7.8656  +0.4766   +6.45%  2.062500  +0.0625 ~  [-0.0125, +0.1000]   50.00%    54.55%         16     4.0 KiB
  0.75           12.1825  +4.7934  +64.87%  2.500000  +0.5000    [+0.3750, +0.6250]   25.00%    31.82%         10     2.5 KiB
KVzap τ -6        9.9742  +2.5851  +34.99%  2.300000  +0.3000    [+0.2500, +0.3333]   55.00%    59.09%         17     4.2 KiB
Random            failed        -        -         -        -                     -        -         -          -           -

~ not distinguishable from the baseline

ΔNLL at equal density, between the points of a sweep

Density                              0.5  0.1
---------------------------------------------
StreamingLLM  +0.1250 [+0.0625, +0.2500]    -

Skipped, without a scored token: 1 of 3 samples

Random: sample 2 failed after 3 attempts: NLL of token 3 is not finite
)");
}

TEST(Table, FitsEightyColumnsWithIntervals) {
  EXPECT_EQ(table(swept_comparison(), 80),
            R"(models/tiny on texts.jsonl
3 samples, chunk size 1, bfloat16, cpu

Method        Perplexity      Δ %       ΔNLL       95 % interval     Kept
-------------------------------------------------------------------------
Baseline          7.3891        -        -                     -  100.00%
StreamingLLM
  0.5             7.8656   +6.45%  +0.0625 ~  [-0.0125, +0.1000]   50.00%
  0.75           12.1825  +64.87%  +0.5000    [+0.3750, +0.6250]   25.00%
KVzap τ -6        9.9742  +34.99%  +0.3000    [+0.2500, +0.3333]   55.00%
Random            failed        -        -                     -        -

~ not distinguishable from the baseline

Not shown, because the terminal is narrow: Avg NLL, Attended, Peak keys, Δ, Peak
  cache (all are in detailed_results.json)

ΔNLL at equal density, between the points of a sweep

Density                              0.5  0.1
---------------------------------------------
StreamingLLM  +0.1250 [+0.0625, +0.2500]    -

Skipped, without a scored token: 1 of 3 samples

Random: sample 2 failed after 3 attempts: NLL of token 3 is not finite
)");
}

TEST(Table, ShowsDistributionsAndAnswersWhereTheRunHasThem) {
  EXPECT_THAT(table(compared_distributions()), HasSubstr(
                                                   R"(
Method        Perplexity        Δ      Δ %   Avg NLL       ΔNLL       95 % interval  Mean KL  Same top-1  Answers     Kept  Attended  Peak keys  Peak cache
-----------------------------------------------------------------------------------------------------------------------------------------------------------
Baseline          7.3891        -        -  2.000000        -                     -        -           -      2/3  100.00%   100.00%         28     7.0 KiB
StreamingLLM
  0.5             7.8656  +0.4766   +6.45%  2.062500  +0.0625 ~  [-0.0125, +0.1000]   0.1250      87.50%      2/3   50.00%    54.55%         16     4.0 KiB
  0.75           12.1825  +4.7934  +64.87%  2.500000  +0.5000    [+0.3750, +0.6250]   0.5000      37.50%      0/3   25.00%    31.82%         10     2.5 KiB
KVzap τ -6        9.9742  +2.5851  +34.99%  2.300000  +0.3000    [+0.2500, +0.3333]  2.5e-04     100.00%      2/3   55.00%    59.09%         17     4.2 KiB
Random            failed        -        -         -        -                     -        -           -        -        -         -          -           -
)"));
  EXPECT_THAT(table(compared_distributions(), 80), HasSubstr(
                                                       R"(
Method        Perplexity       ΔNLL       95 % interval  Answers     Kept
)"));
}

TEST(Table, LeavesOutIntervalsAtEqualDensityAndThenTheWholeOfItWhereThereIsNoRoom) {
  EXPECT_THAT(table(swept_comparison(), 44), HasSubstr("\nStreamingLLM  +0.1250    -\n"));
  EXPECT_THAT(table(swept_comparison(), 25), Not(HasSubstr("Density")));
  EXPECT_THAT(table(swept_comparison(), 25), HasSubstr("ΔNLL at equal density is"));
}

TEST(Table, SaysWhyThereAreNoIntervals) {
  Comparison comparison = example_comparison();
  comparison.statistics.against_baseline = {AgainstBaseline{}, AgainstBaseline{}, AgainstBaseline{}};
  comparison.statistics.against_baseline[1].avg_nll_delta = 0.5;
  comparison.statistics.against_baseline[1].reason = "2 samples are too few";
  EXPECT_THAT(table(comparison), HasSubstr("\n\nNo intervals: 2 samples are too few\n"));
  EXPECT_THAT(table(comparison), HasSubstr("  ΔNLL  "));
  EXPECT_THAT(table(comparison), Not(HasSubstr("95 % interval")));
  EXPECT_THAT(table(swept_comparison()), Not(HasSubstr("No intervals")));
}

TEST(Table, GroupsInstancesThatDoNotStandTogether) {
  Comparison apart = swept_comparison(), together = swept_comparison();
  std::swap(apart.methods[2], apart.methods[3]);
  std::swap(apart.statistics.against_baseline[2], apart.statistics.against_baseline[3]);
  EXPECT_EQ(table(apart), table(together));
}

TEST(Table, ShowsADifferenceThatFourDecimalsWouldHide) {
  Comparison comparison = swept_comparison();
  comparison.statistics.against_baseline[1].avg_nll_delta = -0.0000321;
  comparison.statistics.against_baseline[1].avg_nll_delta_ci95 = Interval{-0.00041, 0};
  EXPECT_THAT(table(comparison), HasSubstr("-3.2e-05 ~  [-4.1e-04, +0.0000]"));
}

TEST(Table, IsWholeWhereThereIsRoomOrNoTerminal) {
  EXPECT_EQ(table(example_comparison(), 78), table(example_comparison()));
  EXPECT_EQ(table(swept_comparison(), 200), table(swept_comparison()));
}

TEST(Table, CountsOneSampleInTheSingular) {
  Comparison comparison = example_comparison();
  comparison.n_samples = 1;
  EXPECT_THAT(table(comparison), HasSubstr("\n1 sample, chunk"));
  EXPECT_THAT(table(comparison), HasSubstr("1 of 1 sample\n"));
}

TEST(Table, SendsNoControlCharacterToTheTerminal) {
  Comparison comparison = example_comparison();
  comparison.methods[1].label = "\x1b[2Jgone";
  EXPECT_THAT(table(comparison), Not(HasSubstr("\x1b")));
}

TEST(Table, DoesNotDependOnTimings) {
  Comparison comparison = example_comparison();
  const std::string before = table(comparison);
  comparison.methods[0].seconds = 99;
  EXPECT_EQ(table(comparison), before);
}

}  // namespace
}  // namespace kvcompare
