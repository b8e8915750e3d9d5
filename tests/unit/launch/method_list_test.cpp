#include "launch/method_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> selected(const std::string& list,
                                  ObservedAttention observed = ObservedAttention::kOnlyIfNamed) {
  std::vector<std::string> names;
  for (const MethodDescription* method : select_methods(list, observed)) names.emplace_back(method->name);
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

TEST(SelectMethods, AllIsEveryMethodButObservedAttention) {
  EXPECT_THAT(selected("all"),
              ElementsAre("baseline", "kvzap", "random", "streaming_llm", "expected_attention", "knorm"));
  EXPECT_EQ(selected("ALL"), selected("all"));
}

TEST(SelectMethods, ObservedAttentionComesByItsNameOrByItsFlag) {
  EXPECT_THAT(selected("observed_attention"), ElementsAre("baseline", "observed_attention"));
  EXPECT_THAT(selected("random", ObservedAttention::kInclude),
              ElementsAre("baseline", "random", "observed_attention"));
  EXPECT_THAT(selected("observed_attention", ObservedAttention::kInclude),
              ElementsAre("baseline", "observed_attention"));
  EXPECT_EQ(selected("all", ObservedAttention::kInclude).back(), "observed_attention");
  EXPECT_EQ(selected("all,observed_attention"), selected("all", ObservedAttention::kInclude));
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
  EXPECT_EQ(refusal("random,streming_llm"),
            "--methods: 'streming_llm' is no known method; did you mean streaming_llm? There are: all, "
            "baseline, kvzap, "
            "random, streaming_llm, expected_attention, observed_attention, knorm");
}

TEST(SelectMethods, RefusesAListWithoutANames) {
  EXPECT_THAT(refusal(""), HasSubstr("names no method"));
  EXPECT_THAT(refusal(" , "), HasSubstr("names no method"));
}

TEST(MakeMethodSpecs, GivesEachMethodThePolicyOfTheRun) {
  RunSpec run;
  run.compression_ratio = 0.25;
  run.threshold = -3;
  const std::vector<MethodSpec> specs =
      make_method_specs(select_methods("random,kvzap", ObservedAttention::kOnlyIfNamed), run);
  ASSERT_EQ(specs.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<KeepAll>(specs[0].policy));
  EXPECT_EQ(std::get<RatioBudget>(specs[1].policy).compression_ratio, 0.25);
  EXPECT_EQ(std::get<ScoreThreshold>(specs[2].policy).threshold, -3);
}

}  // namespace
}  // namespace kvcompare
