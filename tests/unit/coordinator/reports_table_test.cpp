#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/reports/fitted_lines.h"
#include "coordinator/reports/table.h"
#include "tests/unit/coordinator/example_comparison.h"
#include "tests/unit/coordinator/swept_comparison.h"

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

Skipped, shorter than two tokens: 1 of 3 samples

KVzap: sample 2 failed after 3 attempts: NLL of token 3 is not finite
)");
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
  for (const std::size_t width : {24, 30, 40, 59, 60, 77, 78, 79, 200}) {
    std::istringstream lines(table(comparison, width));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(display_width(line), width) << "at " << width << ": " << line;
  }
}

TEST(Table, GroupsInstancesOfAMethodAndShowsIntervalsAndEqualDensity) {
  EXPECT_EQ(table(swept_comparison()),
            R"(models/tiny on texts.jsonl
3 samples, chunk size 1, bfloat16, cpu

TABLE)");
}

TEST(Table, FitsEightyColumnsWithIntervals) { EXPECT_EQ(table(swept_comparison(), 80), ""); }

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

TEST(Table, DoesNotDependOnTimings) {
  Comparison comparison = example_comparison();
  const std::string before = table(comparison);
  comparison.methods[0].seconds = 99;
  EXPECT_EQ(table(comparison), before);
}

}  // namespace
}  // namespace kvcompare
