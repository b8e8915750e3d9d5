#include "launch/command_line/nearest_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/command_line/flag_table.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("seed", "seed"), 0);
  EXPECT_EQ(edit_distance("", "seed"), 4);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("max_lenght", "max_length"), 1);  // neighbours swapped
  EXPECT_EQ(edit_distance("ca", "abc"), 3);                 // 2 if a swapped pair could be edited again
}

TEST(NearestNames, FindsTheFlagThatWasMeant) {
  const std::vector<std::string> flags = flag_names(compare_flags());
  EXPECT_THAT(nearest_names("max_lenght", flags), ElementsAre("max_length"));
  EXPECT_THAT(nearest_names("Chunk-Size", flags), ElementsAre("chunk_size"));
  EXPECT_THAT(nearest_names("ratio", flags), ElementsAre("compression_ratio"));
  EXPECT_THAT(nearest_names("out_dir", flags), ElementsAre("output_dir"));
  EXPECT_THAT(nearest_names("model", flags),
              ElementsAre("model_name", "kvzap_scorer_model", "kvzap_model_type"));
  EXPECT_THAT(nearest_names("tresholds", flags), ElementsAre("threshold"));
}

TEST(NearestNames, NamesNothingWhereNothingIsNear) {
  for (const char* given : {"zzzzzzzzzzzz", "foo", "x", "temperature", "verbose"})
    EXPECT_THAT(nearest_names(given, flag_names(compare_flags())), ElementsAre()) << given;
}

TEST(NearestNames, AllowsAThirdOfTheLettersToDiffer) {
  const std::vector<std::string> known{"abcdef"};
  EXPECT_THAT(nearest_names("abcdxy", known), ElementsAre("abcdef"));
  EXPECT_THAT(nearest_names("abcxyz", known), ElementsAre());
}

TEST(Suggestion, ListsEquallyNearNames) {
  const std::vector<std::string> known{"aa", "ab", "ac", "zz"};
  EXPECT_EQ(suggestion("ax", known, "--"), "did you mean --aa, --ab or --ac? ");
  EXPECT_EQ(suggestion("zz", known), "did you mean zz? ");
  EXPECT_EQ(suggestion("qqqq", known), "");
}

}  // namespace
}  // namespace kvcompare
