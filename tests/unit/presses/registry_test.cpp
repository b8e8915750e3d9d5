#include "presses/registry.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "presses/scorer.h"

namespace kvcompare {
namespace {

TEST(Registry, FindsEachMethodUnderEverySpelling) {
  for (const auto& method : methods()) {
    EXPECT_EQ(find_method(method.name), &method);
    EXPECT_EQ(find_method(method.display_name), &method);
    for (const auto alias : method.aliases) EXPECT_EQ(find_method(alias), &method);
  }
  EXPECT_EQ(find_method("Streaming-LLM"), find_method("streaming_llm"));
  EXPECT_EQ(find_method("EXPECTEDATTENTIONPRESS"), find_method("expected_attention"));
  EXPECT_EQ(find_method("snapkv"), nullptr);
  EXPECT_EQ(find_method(""), nullptr);
}

TEST(Registry, ReportsTheNamesOfTheSpecification) {
  std::vector<std::string> names;
  for (const auto& method : methods()) names.emplace_back(method.display_name);
  EXPECT_THAT(names, testing::ElementsAre("Baseline", "KVzap", "Random", "StreamingLLM", "ExpectedAttention",
                                          "ObservedAttention", "Knorm"));
}

TEST(Registry, HasTheListOfTheSpecsInAll) {
  std::vector<std::string> names;
  for (const auto& method : methods())
    if (method.in_all) names.emplace_back(method.name);
  EXPECT_THAT(names,
              testing::ElementsAre("baseline", "kvzap", "random", "streaming_llm", "expected_attention"));
}

TEST(Registry, GivesEachMethodItsOwnSinksAndPolicy) {
  MethodFlags run;
  run.n_sink = 5;
  run.kvzap_n_sink = 3;
  run.compression_ratio = 0.25;
  run.threshold = -2;
  const auto spec = [&](std::string_view name) { return make_method_spec(*find_method(name), run); };
  EXPECT_EQ(spec("streaming_llm").parameters.n_sink, 5);
  EXPECT_EQ(spec("expected_attention").parameters.n_sink, 5);
  EXPECT_EQ(spec("kvzap").parameters.n_sink, 3);
  for (const auto* name : {"baseline", "random", "observed_attention", "knorm"})
    EXPECT_EQ(spec(name).parameters.n_sink, 0) << name;
  EXPECT_TRUE(std::holds_alternative<KeepAll>(spec("baseline").policy));
  EXPECT_EQ(std::get<ScoreThreshold>(spec("kvzap").policy).threshold, -2);
  EXPECT_EQ(std::get<RatioBudget>(spec("random").policy).compression_ratio, 0.25);
}

TEST(Registry, ForcesOnePolicyOnEveryMethodButTheBaseline) {
  MethodFlags run;
  run.policy = "threshold";
  EXPECT_TRUE(std::holds_alternative<ScoreThreshold>(make_method_spec(*find_method("knorm"), run).policy));
  EXPECT_TRUE(std::holds_alternative<KeepAll>(make_method_spec(*find_method("baseline"), run).policy));
  run.policy = "ratio";
  EXPECT_TRUE(std::holds_alternative<RatioBudget>(make_method_spec(*find_method("kvzap"), run).policy));
  run.policy = "best";
  EXPECT_THROW(make_method_spec(*find_method("knorm"), run), ConfigError);
}

TEST(Registry, RefusesKvzapWithoutASurrogate) {
  EXPECT_THROW(make_scorer(make_method_spec(*find_method("kvzap"), {}), {}), InvariantError);
}

}  // namespace
}  // namespace kvcompare
