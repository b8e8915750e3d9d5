#include "common/run/shard.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

TEST(Shard, CountsFromOne) {
  EXPECT_EQ(parse_shard("1/1"), (Shard{1, 1}));
  EXPECT_EQ(parse_shard("2/3"), (Shard{2, 3}));
  EXPECT_EQ(to_string(Shard{10, 12}), "10/12");
  for (const auto* text : {"0/3", "4/3", "1/0", "1", "1/", "/3", "1/3/5", "a/3", "-1/3", "1/3 ", "+1/3",
                           "1.0/3", "1/99999999999999999999", ""})
    EXPECT_FALSE(parse_shard(text)) << text;
}

TEST(Shard, EverySampleIsInOneShardAndNeighboursAreNotTogether) {
  for (std::int64_t n = 1; n <= 7; ++n)
    for (std::int64_t s = 0; s < 20; ++s) {
      std::int64_t n_holding = 0;
      for (std::int64_t number = 1; number <= n; ++number) {
        const bool is_held = holds(Shard{number, n}, SampleIndex(s));
        n_holding += is_held ? 1 : 0;
        EXPECT_FALSE(n > 1 && is_held && holds(Shard{number, n}, SampleIndex(s + 1)));
      }
      EXPECT_EQ(n_holding, 1);
    }
  EXPECT_TRUE(holds(std::nullopt, SampleIndex(5)));
}

TEST(Shard, KnowsHowManySamplesItHolds) {
  for (std::int64_t n = 1; n <= 7; ++n)
    for (std::int64_t n_samples = 0; n_samples <= 20; ++n_samples)
      for (std::int64_t number = 1; number <= n; ++number) {
        std::int64_t n_held = 0;
        for (std::int64_t s = 0; s < n_samples; ++s)
          n_held += holds(Shard{number, n}, SampleIndex(s)) ? 1 : 0;
        EXPECT_EQ(n_samples_of(Shard{number, n}, n_samples), n_held)
            << number << "/" << n << " of " << n_samples;
      }
  EXPECT_EQ(n_samples_of(std::nullopt, 20), 20);
}

}  // namespace
}  // namespace kvcompare
