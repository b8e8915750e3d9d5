#include "launch/command_line/flag_value.h"

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

TEST(ParseBytes, KnowsPowersOf1000AndOf1024) {
  EXPECT_EQ(parse_bytes("1"), 1);
  EXPECT_EQ(parse_bytes("4096"), 4096);
  EXPECT_EQ(parse_bytes("+7"), 7);
  EXPECT_EQ(parse_bytes("12B"), 12);
  EXPECT_EQ(parse_bytes("3KB"), 3'000);
  EXPECT_EQ(parse_bytes("500MB"), 500'000'000);
  EXPECT_EQ(parse_bytes("24GB"), 24'000'000'000);
  EXPECT_EQ(parse_bytes("5TB"), 5'000'000'000'000);
  EXPECT_EQ(parse_bytes("3KiB"), 3'072);
  EXPECT_EQ(parse_bytes("6MiB"), 6'291'456);
  EXPECT_EQ(parse_bytes("2GiB"), 2'147'483'648);
  EXPECT_EQ(parse_bytes("5TiB"), 5'497'558'138'880);
}

TEST(ParseBytes, RefusesWhatIsNoWholeNumberOfAKnownUnit) {
  for (const char* bad :
       {"",     "B",    "GB",    "GiB",    "0",     "0GB",  "-1",  "-1GB", "1.5GB", "1e3", "1e3MB",
        "1 GB", " 1GB", "1GB ",  "1K",     "1G",    "1kB",  "1gb", "1Gib", "1GIB",  "1PB", "1PiB",
        "1iB",  "1GBB", "1KBMB", "1GBKiB", "1KiBB", "0x10", "x",   "GB1",  "1,000", "nan", "inf"})
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
}

TEST(ParseBytes, RefusesMoreThanFits) {
  EXPECT_EQ(parse_bytes("9223372036854775807"), 9223372036854775807);
  EXPECT_EQ(parse_bytes("9223372036854775807B"), 9223372036854775807);
  EXPECT_EQ(parse_bytes("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_bytes("8388607TiB"), 8388607LL << 40);
  EXPECT_EQ(parse_bytes("8388608TiB"), std::nullopt);  // 2^63
  EXPECT_EQ(parse_bytes("9223372TB"), 9'223'372'000'000'000'000);
  EXPECT_EQ(parse_bytes("9223373TB"), std::nullopt);
  EXPECT_EQ(parse_bytes("16777217TiB"), std::nullopt);  // 2^64 and a TiB, which it would wrap to
  EXPECT_EQ(parse_bytes("99999999999999999999TiB"), std::nullopt);
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
