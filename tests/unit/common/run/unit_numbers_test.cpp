#include "common/run/unit_numbers.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

UnitNumbers numbers(std::int64_t n, double kl) {
  return {.n_tokens = n,
          .total_nll = 0.5,
          .keys = {.original = n, .peak = n},
          .answers = AnswerCounts{.greedy_hits = n, .spans = 2, .spans_exact = 1},
          .divergence = Divergence{.sum_kl = kl, .n_same_top1 = n}};
}

TEST(UnitNumbers, AddUpGroupByGroup) {
  auto sums = numbers(3, 0.25);
  add(sums, numbers(4, 0.5));
  EXPECT_EQ(sums.n_tokens, 7);
  EXPECT_EQ(sums.total_nll, 1);
  EXPECT_EQ(sums.keys.original, 7);
  EXPECT_EQ(sums.keys.peak, 4);
  EXPECT_EQ(sums.answers, (AnswerCounts{.greedy_hits = 7, .spans = 4, .spans_exact = 2}));
  EXPECT_EQ(sums.divergence->sum_kl, 0.75);
  EXPECT_EQ(sums.divergence->n_same_top1, 7);
}

TEST(UnitNumbers, LackWhatOneSampleLacks) {
  for (const bool first_lacks : {true, false}) {
    auto sums = numbers(3, 0.25), other = numbers(4, 0.5);
    (first_lacks ? sums : other).divergence.reset();
    add(sums, other);
    EXPECT_FALSE(sums.divergence);
    EXPECT_TRUE(sums.answers);
  }
}

TEST(UnitNumbers, CountASampleWithoutEvidenceAsNothing) {
  const EvidenceCounts counts{1, 1, 8, 6, 8, 6, 0};
  for (const bool first_lacks : {true, false}) {
    auto sums = numbers(3, 0.25), other = numbers(4, 0.5);
    (first_lacks ? other : sums).evidence = counts;
    add(sums, other);
    EXPECT_EQ(sums.evidence, counts);
    add(sums, numbers(5, 1));
    other.evidence = EvidenceCounts{3, 0, 9, 2, 0, 0, 2};
    add(sums, other);
    EXPECT_EQ(sums.evidence, (EvidenceCounts{4, 1, 17, 8, 8, 6, 2}));
    EXPECT_EQ(sums.evidence->spans_missed_kept(), 1);
  }
}

}  // namespace
}  // namespace kvcompare
