#include "launch/session/weight_sharing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;

SharingOffer willing(bool is_first_of_host) {
  return {.computes = true,
          .is_first_of_host = is_first_of_host,
          .wants = true,
          .why_not = "",
          .checkpoint = "0123"};
}

const SharingOffer kDedicatedCoordinator{.computes = false, .is_first_of_host = true};

TEST(SharingOffer, ArrivesAsItWasSent) {
  for (int bits = 0; bits < 8; ++bits)
    for (const std::string why_not : {"", "there is no NCCL\nat all"})
      for (const std::string checkpoint : {"", "0123"}) {
        const SharingOffer sent{.computes = (bits & 1) != 0,
                                .is_first_of_host = (bits & 2) != 0,
                                .wants = (bits & 4) != 0,
                                .why_not = why_not,
                                .checkpoint = checkpoint};
        const auto received = decode_offer(encode(sent));
        EXPECT_EQ(received.computes, sent.computes);
        EXPECT_EQ(received.is_first_of_host, sent.is_first_of_host);
        EXPECT_EQ(received.wants, sent.wants);
        EXPECT_EQ(received.why_not, why_not);
        EXPECT_EQ(received.checkpoint, checkpoint);
      }
  for (const char* cut : {"", "11", "11\n", "111"}) EXPECT_THROW(decode_offer(cut), InvariantError) << cut;
}

TEST(DecideSharing, HasOneReaderAHost) {
  const std::vector offers{willing(true), willing(false), willing(true), willing(false), willing(true)};
  const auto sharing = decide_sharing(offers);
  EXPECT_TRUE(sharing.is_agreed);
  EXPECT_THAT(sharing.compute_ranks, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(sharing.readers, ElementsAre(0, 2, 4));
}

TEST(DecideSharing, NumbersThoseThatCompute) {
  const std::vector offers{kDedicatedCoordinator, willing(true), willing(false), willing(true)};
  const auto sharing = decide_sharing(offers);
  EXPECT_TRUE(sharing.is_agreed);
  EXPECT_THAT(sharing.compute_ranks, ElementsAre(1, 2, 3));
  EXPECT_THAT(sharing.readers, ElementsAre(0, 2));
}

TEST(DecideSharing, IsForTwoAtLeast) {
  const std::vector offers{kDedicatedCoordinator, willing(true)};
  EXPECT_FALSE(decide_sharing(offers).is_agreed);
  EXPECT_EQ(decide_sharing(offers).why_not, "");
}

TEST(DecideSharing, SaysNothingWhereNobodyWantsIt) {
  auto on_cpu = willing(true);
  on_cpu.wants = false;
  on_cpu.why_not = "no such model";
  const auto sharing = decide_sharing(std::vector{on_cpu, on_cpu});
  EXPECT_FALSE(sharing.is_agreed);
  EXPECT_EQ(sharing.why_not, "");
}

TEST(DecideSharing, SaysWhyItCannotBe) {
  auto without = willing(false);
  without.why_not = "there is no NCCL";
  EXPECT_EQ(decide_sharing(std::vector{willing(true), willing(false), without}).why_not,
            "rank 2: there is no NCCL");
  auto on_cpu = willing(true);
  on_cpu.wants = false;
  EXPECT_EQ(decide_sharing(std::vector{willing(true), on_cpu}).why_not, "not every rank computes on a GPU");
  auto other = willing(true);
  other.checkpoint = "4567";
  EXPECT_EQ(decide_sharing(std::vector{willing(true), other}).why_not, "not every host sees the same model");
  for (const auto& refusing : {without, on_cpu, other})
    EXPECT_FALSE(decide_sharing(std::vector{willing(true), refusing}).is_agreed);
}

}  // namespace
}  // namespace kvcompare
