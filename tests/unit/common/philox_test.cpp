#include "common/philox.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

// Known answers of Philox4x32-10 in the Random123 distribution (kat_vectors): first output word.
TEST(Philox, IsTheOneOfRandom123) {
  EXPECT_EQ(philox_word(0, 0, 0), 0x6627e8d5u);
  EXPECT_EQ(philox_word(0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff), 0x408f276du);
  EXPECT_EQ(philox_word(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88), 0xd16cfe09u);
}

TEST(Philox, UniformIsTheUpper24Bits) {
  EXPECT_EQ(philox_uniform(0, 0, 0), 0x6627e8 / 16777216.0);
  EXPECT_EQ(philox_uniform(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
            0xd16cfe / 16777216.0);
}

}  // namespace
}  // namespace kvcompare
