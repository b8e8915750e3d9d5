#include "launch/flag_value.h"

#include <limits>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

TEST(ParseFinite, ReadsTheWholeText) {
  EXPECT_EQ(parse_finite("-7"), -7.0);
  EXPECT_EQ(parse_finite("+0.5"), 0.5);
  EXPECT_EQ(parse_finite(".25"), 0.25);
  EXPECT_EQ(parse_finite("1e-3"), 0.001);
  for (const char* bad : {"", "x", "1x", " 1", "1 ", "nan", "inf", "-inf", "1e999", "0,5", "+-1", "+"})
    EXPECT_EQ(parse_finite(bad), std::nullopt) << bad;
}

TEST(ParseWhole, RefusesWhatIsOutsideItsRange) {
  EXPECT_EQ(parse_whole<std::int64_t>("1", 1, 9), 1);
  EXPECT_EQ(parse_whole<std::int64_t>("9", 1, 9), 9);
  for (const char* bad : {"0", "10", "-1", "1.0", "1e0", "", "9223372036854775808", "0x1", "1k"})
    EXPECT_EQ(parse_whole<std::int64_t>(bad, 1, 9), std::nullopt) << bad;
}

TEST(ParseWhole, ReadsEveryUnsigned64BitNumber) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(parse_whole<std::uint64_t>("18446744073709551615", 0, kMost), kMost);
  EXPECT_EQ(parse_whole<std::uint64_t>("18446744073709551616", 0, kMost), std::nullopt);
  EXPECT_EQ(parse_whole<std::uint64_t>("-1", 0, kMost), std::nullopt);
}

TEST(ParseSwitch, KnowsTheUsualWords) {
  for (const char* yes : {"true", "True", "TRUE", "1", "yes", "on"})
    EXPECT_EQ(parse_switch(yes), true) << yes;
  for (const char* no : {"false", "False", "0", "no", "off"}) EXPECT_EQ(parse_switch(no), false) << no;
  for (const char* bad : {"", "2", "y", "truee"}) EXPECT_EQ(parse_switch(bad), std::nullopt) << bad;
}

TEST(Shortest, ReadsBackExactly) {
  EXPECT_EQ(shortest(0.5), "0.5");
  EXPECT_EQ(shortest(-7), "-7");
  EXPECT_EQ(parse_finite(shortest(0.1 + 0.2)), 0.1 + 0.2);
}

}  // namespace
}  // namespace kvcompare
