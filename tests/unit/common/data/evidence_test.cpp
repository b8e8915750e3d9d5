// Which evidence lies before which scored range, worked out by hand.
#include "common/data/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Sample sample_of(std::vector<std::vector<TokenRange>> evidence) {
  Sample sample;
  sample.ids.assign(10, 5);
  sample.scored = {{1, 2}, {4, 6}, {8, 9}};
  sample.evidence = std::move(evidence);
  return sample;
}

TEST(Evidence, ThatServesEveryRangeIsCutAtEach) {
  const auto spans = spans_with_evidence(sample_of({{{2, 5}, {7, 9}}}));
  ASSERT_THAT(spans, SizeIs(2)) << "none lies before the first range";
  EXPECT_EQ(spans[0].place, 1);
  EXPECT_EQ(spans[0].first_query, 3);
  EXPECT_THAT(spans[0].evidence, ElementsAre(Range{2, 4}));
  EXPECT_EQ(spans[1].place, 2);
  EXPECT_EQ(spans[1].first_query, 7);
  EXPECT_THAT(spans[1].evidence, ElementsAre(Range{2, 5}, Range{7, 8}));
  EXPECT_EQ(spans[1].n_tokens(), 4);
}

TEST(Evidence, OfOneRangeServesThisRange) {
  const auto spans = spans_with_evidence(sample_of({{{0, 1}}, {}, {{0, 1}, {6, 8}}}));
  ASSERT_THAT(spans, SizeIs(2));
  EXPECT_EQ(spans[0].place, 0);
  EXPECT_THAT(spans[0].evidence, ElementsAre(Range{0, 1}));
  EXPECT_EQ(spans[1].place, 2);
  EXPECT_THAT(spans[1].evidence, ElementsAre(Range{0, 1}, Range{6, 8}));
}

TEST(Evidence, OfNothingThatIsScoredServesNothing) {
  auto nothing = sample_of({{{0, 1}}});
  nothing.scored.clear();
  EXPECT_THAT(spans_with_evidence(nothing), IsEmpty());
  EXPECT_THAT(spans_with_evidence(sample_of({})), IsEmpty());
}

}  // namespace
}  // namespace kvcompare
