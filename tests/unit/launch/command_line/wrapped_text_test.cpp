#include "launch/command_line/wrapped_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Wrap, FillsLinesUpToTheWidth) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("one two three", 6), ElementsAre("one", "two", "three"));
  EXPECT_THAT(wrap("", 6), IsEmpty());
}

TEST(Wrap, GivesALongWordItsOwnLine) {
  EXPECT_THAT(wrap("a longword b", 3), ElementsAre("a", "longword", "b"));
}

TEST(Labelled, PutsTextBesideAShortLabel) { EXPECT_EQ(labelled("ab", "text", 6), "  ab  text\n"); }

TEST(Labelled, PutsTextBelowALabelThatFillsItsColumn) {
  EXPECT_EQ(labelled("abcd", "text", 6), "  abcd\n      text\n");
}

}  // namespace
}  // namespace kvcompare
