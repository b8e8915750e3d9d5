#include "coordinator/same_numerics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using testing::HasSubstr;

Hello hello(const std::string& host, const std::string& instruction_set) {
  Hello hello;
  hello.host = host;
  hello.numerics = {.processor = "a processor",
                    .libtorch = "2.11.0",
                    .instruction_set = instruction_set,
                    .cpu_capability = "AVX2",
                    .mkl = "2024.2",
                    .cuda = ""};
  return hello;
}

TEST(SameNumerics, AreRefusedByNameWhereTwoRanksDiffer) {
  SameNumerics same({}, MixedHardware::kRefuse);
  EXPECT_TRUE(same.admit(Rank(1), hello("north", "AVX3_DL")).is_new);
  EXPECT_FALSE(same.admit(Rank(2), hello("north", "AVX3_DL")).is_new);
  const auto error = error_of<ConfigError>([&] { same.admit(Rank(3), hello("south", "AVX2")); });
  EXPECT_THAT(error.what(),
              HasSubstr("worker 3 on south computes with other arithmetic than worker 1 on north"));
  EXPECT_THAT(error.what(), HasSubstr("\n  instruction_set: AVX2, not AVX3_DL\n"));
  EXPECT_THAT(error.what(), HasSubstr("--allow_mixed_hardware"));
}

TEST(SameNumerics, OfAnEarlierSessionAreTold) {
  SameNumerics same({hello("", "AVX3_DL").numerics}, MixedHardware::kRefuse);
  EXPECT_EQ(same.admit(Rank(1), hello("north", "AVX3_DL")).place, 0);
  const auto error = error_of<ConfigError>([&] { same.admit(Rank(1), hello("north", "AVX2")); });
  EXPECT_THAT(error.what(), HasSubstr("than the machine that the run was begun on"));
}

TEST(SameNumerics, ThatDifferGetAPlaceEachWhereTheyAreAdmitted) {
  SameNumerics same({}, MixedHardware::kAdmit);
  EXPECT_EQ(same.admit(Rank(1), hello("north", "AVX3_DL")).place, 0);
  const auto other = same.admit(Rank(2), hello("south", "AVX2"));
  EXPECT_EQ(other.place, 1);
  EXPECT_TRUE(other.is_new);
  EXPECT_EQ(same.admit(Rank(3), hello("west", "AVX2")).place, 1);
}

// The list that messages and reports go by has every field: see also the static_assert in numerics.cpp.
TEST(Numerics, DifferInEveryFieldByItsName) {
  for (const auto& [name, value] : numerics_fields()) {
    auto other = hello("", "AVX2").numerics;
    other.*value = "changed";
    const auto lines = differences(other, hello("", "AVX2").numerics);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_THAT(lines[0], HasSubstr(std::string(name) + ": changed, not "));
    auto message = hello("", "AVX2");
    message.numerics = other;
    EXPECT_EQ(std::get<Hello>(decode(encode(message))).numerics, other);
  }
}

}  // namespace
}  // namespace kvcompare
