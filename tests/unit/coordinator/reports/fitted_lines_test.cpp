#include "coordinator/reports/fitted_lines.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

TEST(FittedLines, LeavesLinesThatFit) { EXPECT_EQ(fitted_lines("a b\n\nΔ  c\n", 4), "a b\n\nΔ  c\n"); }

TEST(FittedLines, BreaksBetweenWords) {
  EXPECT_EQ(fitted_lines("one two three four\n", 9), "one two\n  three\n  four\n");
}

TEST(FittedLines, BreaksAWordThatIsLongerThanALine) {
  EXPECT_EQ(fitted_lines("in /a/long/path/of/it here\n", 10), "in\n  /a/long/\n  path/of/\n  it here\n");
}

TEST(FittedLines, CountsCharactersAndNotBytes) {
  EXPECT_EQ(fitted_lines("ΔΔΔΔΔΔ\n", 6), "ΔΔΔΔΔΔ\n");
  EXPECT_EQ(fitted_lines("ΔΔΔΔΔΔΔΔ\n", 6), "ΔΔΔΔΔΔ\n  ΔΔ\n");
}

TEST(FittedLines, ComesToAnEndHoweverNarrow) { EXPECT_EQ(fitted_lines("abcdefg\n", 0), "abcd\n  ef\n  g\n"); }

}  // namespace
}  // namespace kvcompare
