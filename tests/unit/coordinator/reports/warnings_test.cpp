#include "coordinator/reports/warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/coordinator/unit_results.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One method beside the baseline, on samples of 4 and 10 tokens of which it evicts so many keys.
std::vector<Warning> warnings(JournalHeader header, const EvictionPolicy& policy, std::int64_t n_evicted = 1,
                              std::int64_t n_sink = 0) {
  header.spec.methods = {{"baseline", "Baseline", KeepAll{}, {}},
                         {"random", "Random", policy, {{"n_sink", n_sink}}}};
  header.n_samples = 2;
  if (header.model.max_position_embeddings == 0) header.model.max_position_embeddings = 100;
  UnitTable units;
  for (const std::int64_t method : {0, 1})
    for (const std::int64_t sample : {0, 1}) {
      const auto n_tokens = sample == 0 ? 4 : 10;
      const auto result =
          imaginary_result({.sample = sample,
                            .method = method,
                            .n_tokens = n_tokens,
                            .n_evicted = method == 0 ? 0 : std::min<std::int64_t>(n_evicted, n_tokens)});
      units[result.unit].summary = result.numbers;
    }
  return warnings_of(header, units);
}

std::vector<std::string> codes(const std::vector<Warning>& warnings) {
  std::vector<std::string> result;
  for (const auto& warning : warnings) result.push_back(warning.code);
  return result;
}

TEST(Warnings, AreNoneWhereAMethodDoesWhatItShould) {
  EXPECT_TRUE(warnings({}, RatioBudget{0.5}).empty());
  EXPECT_TRUE(warnings({}, ScoreThreshold{-7, 3}).empty());
  EXPECT_TRUE(warnings({}, RatioBudget{0}, 0).empty());
}

TEST(Warnings, CountTruncatedSamplesAndTokensBeforeAUnitIsEvaluated) {
  JournalHeader header;
  header.spec.max_length = 10;
  header.truncated = {1, 23};
  const auto found = warnings_of(header, {});
  ASSERT_THAT(codes(found), ElementsAre("truncated"));
  EXPECT_EQ(found[0].text,
            "1 sample had more than --max_length 10 tokens: 23 tokens were cut off; a larger --max_length "
            "keeps them");
}

TEST(Warnings, TellSamplesBeyondThePositionsOfTheModel) {
  JournalHeader header;
  header.model.max_position_embeddings = 9;
  const auto found = warnings(header, RatioBudget{0.5});
  ASSERT_THAT(codes(found), ElementsAre("beyond_positions"));
  EXPECT_THAT(found[0].text, HasSubstr("1 of 2 samples have more tokens than the 9 positions"));
}

TEST(Warnings, TellAChunkAWindowAndSinksAsLongAsASample) {
  JournalHeader header;
  header.spec.chunk_size = 4;
  EXPECT_THAT(codes(warnings(header, RatioBudget{0.5})), ElementsAre("one_chunk"));
  header.spec.chunk_size = 3;
  EXPECT_THAT(codes(warnings(header, ScoreThreshold{-7, 4})), ElementsAre("all_in_window"));
  const auto sinks = warnings(header, RatioBudget{0.5}, 1, 10);
  ASSERT_THAT(codes(sinks), ElementsAre("all_sinks"));
  EXPECT_EQ(sinks[0].n_samples, 2);
  EXPECT_EQ(sinks[0].method, "Random");
}

// The context is one chunk whatever the size, and how long it is the journal does not say.
TEST(Warnings, TellNothingOfChunksInOtherProtocols) {
  JournalHeader header;
  header.spec.chunk_size = 4;
  for (const auto protocol : {ProtocolKind::kPrefill, ProtocolKind::kGenerate}) {
    header.spec.protocol = protocol;
    EXPECT_THAT(codes(warnings(header, RatioBudget{0.5})), ElementsAre());
  }
}

TEST(Warnings, TellAMethodThatKeepsEverythingOrNothing) {
  EXPECT_THAT(codes(warnings({}, RatioBudget{0.01}, 0)), ElementsAre("nothing_evicted"));
  EXPECT_THAT(codes(warnings({}, SizeBudget{100}, 0)), ElementsAre("nothing_evicted"));
  EXPECT_THAT(codes(warnings({}, ScoreThreshold{-1000, 0}, 0)), ElementsAre("nothing_evicted"));
  EXPECT_THAT(codes(warnings({}, ScoreThreshold{1000, 0}, 10)), ElementsAre("nothing_kept"));
}

Comparison with_pairs(std::size_t n_samples, std::size_t n_pairs) {
  Difference tested;
  tested.p_value = 0.5;
  Comparison comparison;
  comparison.methods.resize(1);
  comparison.methods[0].per_sample.resize(n_samples);
  comparison.statistics.differences.assign(n_pairs, tested);
  return comparison;
}

// Of 12 samples 2 of 4096 flips are as extreme: 102 x 2/4096 < 0.05 < 103 x 2/4096. Of many samples the
// smallest p-value is 1/10001: 500 of them are below 0.05, 501 are not.
TEST(Warnings, TellWhenNoPairCanBeCalledDifferent) {
  EXPECT_TRUE(warnings_of_pairs(with_pairs(12, 102)).empty());
  EXPECT_TRUE(warnings_of_pairs(with_pairs(1000, 500)).empty());
  EXPECT_EQ(warnings_of_pairs(with_pairs(1000, 501)).size(), 1u);
  const auto warnings = warnings_of_pairs(with_pairs(12, 103));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, "many_pairs");
  EXPECT_NE(warnings[0].text.find(
                "12 samples are too few for 103 pairs of instances: the smallest p-value that the "
                "test can give is 0.00049"),
            std::string::npos);
  auto untested = with_pairs(12, 200);
  for (auto& pair : untested.statistics.differences) pair.p_value.reset();
  EXPECT_TRUE(warnings_of_pairs(untested).empty());
}

}  // namespace
}  // namespace kvcompare
