#include "launch/command_line/method_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> selected(const std::string& list, const std::set<std::string>& included = {}) {
  std::vector<std::string> names;
  for (const MethodItem& item : select_methods(list, included)) names.emplace_back(item.method->name);
  return names;
}

std::string refusal(const std::string& list) {
  try {
    selected(list);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(SelectMethods, AllIsTheListOfTheSpecsAndEveryIsTheRegistry) {
  EXPECT_THAT(selected("all"),
              ElementsAre("baseline", "kvzap", "random", "streaming_llm", "expected_attention"));
  EXPECT_THAT(selected("Every"), ElementsAre("baseline", "kvzap", "random", "streaming_llm",
                                             "expected_attention", "observed_attention", "knorm", "h2o",
                                             "tova", "snapkv", "keydiff", "lagkv", "external"));
  EXPECT_EQ(selected("ALL"), selected("all"));
}

TEST(SelectMethods, ObservedAttentionComesByItsNameOrByItsFlag) {
  EXPECT_THAT(selected("observed_attention"), ElementsAre("baseline", "observed_attention"));
  EXPECT_THAT(selected("random", {"observed_attention"}),
              ElementsAre("baseline", "random", "observed_attention"));
  EXPECT_THAT(selected("observed_attention", {"observed_attention"}),
              ElementsAre("baseline", "observed_attention"));
  EXPECT_EQ(selected("all", {"observed_attention"}).back(), "observed_attention");
  EXPECT_EQ(selected("all,observed_attention"), selected("all", {"observed_attention"}));
}

TEST(SelectMethods, RunsTheBaselineFirstAndTheOthersAsNamed) {
  EXPECT_THAT(selected("random,streaming_llm,kvzap"),
              ElementsAre("baseline", "random", "streaming_llm", "kvzap"));
  EXPECT_THAT(selected("random,baseline"), ElementsAre("baseline", "random"));
  EXPECT_THAT(selected("baseline"), ElementsAre("baseline"));
}

TEST(SelectMethods, TakesSpellingsOfSpecsAndKvpressInAnyCase) {
  EXPECT_THAT(selected("StreamingLLM,ExpectedAttentionPress,kvzappress,RANDOM,expected-attention"),
              ElementsAre("baseline", "streaming_llm", "expected_attention", "kvzap", "random"));
}

TEST(SelectMethods, DropsRepeatedOnesAndSpaces) {
  EXPECT_THAT(selected(" random , Random,,knorm "), ElementsAre("baseline", "random", "knorm"));
}

TEST(SelectMethods, RefusesAnUnknownNameWithTheNearestAndTheList) {
  EXPECT_EQ(
      refusal("random,streming_llm"),
      "--methods: 'streming_llm' is no known method; did you mean streaming_llm? There are: all, every, "
      "baseline, kvzap, "
      "random, streaming_llm, expected_attention, observed_attention, knorm, h2o, tova, snapkv, keydiff, "
      "lagkv, external, adakv, pyramidkv, ada_pyramidkv");
}

TEST(SelectMethods, TellsWhereAListIsGivenWhenAnItemTakesNone) {
  EXPECT_THAT(
      refusal("random:seed=1,2,3"),
      testing::AllOf(HasSubstr("'2', after 'random:seed=1', is no known method"), HasSubstr("--seed 1,2")));
  EXPECT_THAT(refusal("random,2"), HasSubstr("here are: all, every"));
}

TEST(SelectMethods, RefusesAListWithoutANames) {
  EXPECT_THAT(refusal(""), HasSubstr("names no method"));
  EXPECT_THAT(refusal(" , "), HasSubstr("names no method"));
}

TEST(SelectMethods, TakesParametersOfAnInstance) {
  const auto items = select_methods("streaming_llm:n-sink=8: compression_ratio = 0.9,random");
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[1].method->name, "streaming_llm");
  EXPECT_THAT(items[1].fixed,
              ElementsAre(testing::Pair("n_sink", "8"), testing::Pair("compression_ratio", "0.9")));
  EXPECT_TRUE(items[2].fixed.empty());
}

TEST(SelectMethods, KeepsInstancesOfOneMethodThatDiffer) {
  EXPECT_THAT(selected("random:seed=1,random:seed=2,random:seed=1"),
              ElementsAre("baseline", "random", "random"));
}

TEST(SelectMethods, RefusesWhatIsNoParameter) {
  EXPECT_THAT(refusal("random:seed"),
              HasSubstr("'random:seed': 'seed' is no parameter; write METHOD:PARAMETER=VALUE"));
  EXPECT_THAT(refusal("random:seed="), HasSubstr("is no parameter"));
  EXPECT_THAT(refusal("random:seed=1:seed=2"), HasSubstr("gives seed twice"));
}

}  // namespace
}  // namespace kvcompare
