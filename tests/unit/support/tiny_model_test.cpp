#include "tests/support/tiny_model.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

// Recomputed by hand-written Python (integers, struct.pack) from the definition in weight_generator.h.
TEST(WeightGenerator, GivesTheSameBytesEverywhere) {
  WeightGenerator generator(7, "model.norm.weight");
  EXPECT_EQ(generator.next_integer(), 0x861c29e4d0d31eadu);
  EXPECT_EQ(generator.next_normal(), -0x1.7e395dc000000p-6);
}

TEST(WeightGenerator, IsAboutNormal) {
  WeightGenerator generator(3, "x");
  double sum = 0, squares = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const double z = generator.next_normal();
    sum += z;
    squares += z * z;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.03);
  EXPECT_NEAR(squares / kDraws, 1, 0.03);
}

TEST(Stored, RoundsToNearestEven) {
  using namespace std::string_literals;
  // bfloat16: 8 bits of precision; 1 + 2^-8 is half way and goes to the even 1, 1 + 3 * 2^-8 to the even 1 +
  // 2^-6.
  EXPECT_EQ(stored({1.0f, 1.00390625f, 1.01171875f, -2.5f}, Storage::kBF16),
            "\x80\x3f\x80\x3f\x82\x3f\x20\xc0"s);
  // float16: 11 bits; 1 + 2^-11 is half way.
  EXPECT_EQ(stored({1.0f, 1.00048828125f, 1.00146484375f, -2.5f}, Storage::kF16),
            "\x00\x3c\x00\x3c\x02\x3c\x00\xc1"s);
  EXPECT_EQ(stored({1.5f}, Storage::kF32), "\x00\x00\xc0\x3f"s);
}

TEST(TinySamples, HoldASampleTooShortToScoreAfterTheFirst) {
  const TinyModelSpec& spec = tiny_model_preset("qwen2");
  const auto samples = tiny_samples(spec);
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples[0].size(), 44u);
  EXPECT_EQ(samples[1].size(), 1u);
  EXPECT_EQ(samples[2].size(), 35u);
  for (const auto& ids : samples)
    for (const TokenId id : ids) EXPECT_TRUE(id >= 1 && id < spec.vocab) << id;
  EXPECT_EQ(samples[0][23], samples[0][1]);
}

TEST(TinyModel, RefusesAnUnknownPresetNamingThoseThereAre) {
  EXPECT_THAT([] { tiny_model_preset("gpt2"); },
              testing::ThrowsMessage<std::invalid_argument>(testing::HasSubstr("qwen3")));
}

}  // namespace
}  // namespace kvcompare
