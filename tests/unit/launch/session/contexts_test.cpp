#include "launch/session/contexts.h"

#include <vector>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

Sample sample_of(std::int64_t n_tokens, std::optional<std::int64_t> n_context = std::nullopt) {
  return {SampleIndex(0), std::vector<TokenId>(static_cast<std::size_t>(n_tokens), 1), {}, n_context};
}

Sample completed(Sample sample, ProtocolKind protocol,
                 std::optional<std::int64_t> context_length = std::nullopt) {
  RunSpec spec;
  spec.protocol = protocol;
  spec.context_length = context_length;
  complete_contexts({&sample, 1}, spec);
  return sample;
}

TEST(Contexts, AreWhatTheFlagSaysOrElseTheDataOrElseAll) {
  EXPECT_EQ(completed(sample_of(9, 4), ProtocolKind::kPrefill).n_context, 4);
  EXPECT_EQ(completed(sample_of(9, 4), ProtocolKind::kPrefill, 6).n_context, 6);
  EXPECT_EQ(completed(sample_of(9), ProtocolKind::kGenerate).n_context, 9);
  EXPECT_EQ(completed(sample_of(9, 4), ProtocolKind::kGenerate, kWholeSample).n_context, 9);
}

// A sample may have been cut.
TEST(Contexts, AreNoLongerThanTheSample) {
  EXPECT_EQ(completed(sample_of(9, 40), ProtocolKind::kPrefill).n_context, 9);
  EXPECT_EQ(completed(sample_of(9), ProtocolKind::kPrefill, 10).n_context, 9);
}

TEST(Contexts, AreNoneInDecode) {
  const auto sample = completed(sample_of(9, 4), ProtocolKind::kDecode, 6);
  EXPECT_FALSE(sample.n_context);
  EXPECT_TRUE(sample.scored.empty());
}

TEST(Contexts, LeaveTheTokensAfterThemToBeScored) {
  for (const auto protocol : {ProtocolKind::kPrefill, ProtocolKind::kGenerate}) {
    EXPECT_EQ(completed(sample_of(9, 4), protocol).scored, (std::vector<TokenRange>{{4, 9}}));
    EXPECT_EQ(completed(sample_of(9, 0), protocol).scored, (std::vector<TokenRange>{{1, 9}}));
    EXPECT_TRUE(completed(sample_of(9), protocol).scored.empty());
    auto with_ranges = sample_of(9, 4);
    with_ranges.scored = {{2, 3}};
    EXPECT_EQ(completed(with_ranges, protocol).scored, with_ranges.scored);
  }
}

}  // namespace
}  // namespace kvcompare
