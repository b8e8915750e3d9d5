#include "coordinator/json/packed_numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using Whole = std::vector<std::int64_t>;

constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();

// By hand, from the description: how (2 bits), k (6), the length as a code of order 6, the numbers.
TEST(PackedNumbers, AreTheBitsThatTheDescriptionSays) {
  // 00 000000 | 1 000011 | 3, 3, 3: steps 3, 0, 0, which are the codes 6 (0001 10), 0 (1), 0 (1).
  // 000000 001000 011000 110110 -> with order 0: digits on average (3 + 0 + 0 + 1) / 3 = 1, so k = 0.
  EXPECT_EQ(packed(Whole{3, 3, 3}), "AIY2");
  EXPECT_EQ(unpacked_whole_numbers("AIY2"), (Whole{3, 3, 3}));
  // 10 000000 | 1 000010 | 1, 2: 0 (1), 1 (01) -> 100000 001000 010101.
  EXPECT_EQ(packed(Whole{1, 2}, Packing::kCounts), "gIV");
  // 01 000000 | 1 000010 | -1, 0: the first step is the code 1 (01), then 0 (1) -> 010000 001000 010011.
  EXPECT_EQ(packed(Whole{-1, 0}, Packing::kRising), "QIT");
  // 1 000001 | step 0 to 0x3ff is 2046: 11 zeros, a one, 1111111110 | 52 zeros.
  EXPECT_EQ(packed(std::vector<double>{1.0}), "ggA/8AAAAAAAAA");
}

TEST(PackedNumbers, ComeBackToTheLastBit) {
  for (const auto packing : {Packing::kSteps, Packing::kRising, Packing::kCounts})
    for (const auto& numbers :
         {Whole{}, Whole{0}, Whole{1}, Whole{kLeast, kLargest, kLeast}, Whole{kLargest, kLeast, 0},
          Whole{kLeast, kLargest}, Whole{-7, -6, 90000}, Whole{5, 5, 5}, Whole{1, kLargest, 1}})
      EXPECT_EQ(unpacked_whole_numbers(packed(numbers, packing)), numbers);
  const std::vector<double> doubles{
      0.0, -1.0, 0.1, 1e-310, std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest()};
  EXPECT_EQ(unpacked_doubles(packed(doubles)), doubles);
  EXPECT_TRUE(std::signbit(unpacked_doubles(packed(std::vector<double>{-0.0})).at(0)));
}

TEST(PackedNumbers, ComeBackWhateverTheyAre) {
  constexpr std::uint64_t kSeed = 20;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 300; ++round) {
    Whole numbers(random() % 200);
    for (auto& number : numbers) number = static_cast<std::int64_t>(random() >> (random() % 64));
    for (const auto packing : {Packing::kSteps, Packing::kRising, Packing::kCounts}) {
      EXPECT_EQ(unpacked_whole_numbers(packed(numbers, packing)), numbers) << "seed " << kSeed;
      std::ranges::sort(numbers);
    }
  }
}

TEST(PackedNumbers, AreAFractionOfTheirDigits) {
  EXPECT_LT(packed(Whole(256, 1024)).size(), 60u);
  EXPECT_LT(packed(std::vector<double>(64, 292.2966668927597)).size(), 64u * 10);
}

TEST(PackedNumbers, RefuseATextThatHoldsNone) {
  const auto text = packed(Whole{3, 3, 3});
  for (const auto& other : {std::string(), std::string("A"), text + "A", text.substr(0, 3), "A" + text,
                            std::string("AI\"2"), std::string("wIY2"), std::string("A///")})
    EXPECT_THROW(unpacked_whole_numbers(other), std::invalid_argument) << other;
  EXPECT_THROW(unpacked_whole_numbers("AIY3"), std::invalid_argument);                // one number more
  EXPECT_THROW(unpacked_whole_numbers(std::string(99, 'A')), std::invalid_argument);  // zeros without end
  EXPECT_THROW(unpacked_doubles(packed(std::vector<double>{std::numeric_limits<double>::infinity()})),
               std::invalid_argument);
  EXPECT_THROW(unpacked_doubles("g"), std::invalid_argument);
}

// Whatever a text is, reading it ends, and takes no more memory than the text has bits.
TEST(PackedNumbers, ReadAnyText) {
  constexpr std::uint64_t kSeed = 21;
  std::mt19937_64 random(kSeed);
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int round = 0; round < 3000; ++round) {
    std::string text(random() % 40, 'A');
    for (auto& character : text) character = digits[random() % digits.size()];
    try {
      EXPECT_LE(unpacked_whole_numbers(text).size(), 6 * text.size());
      EXPECT_LE(unpacked_doubles(text).size(), 6 * text.size());
    } catch (const std::invalid_argument&) {
    }
  }
}

}  // namespace
}  // namespace kvcompare
