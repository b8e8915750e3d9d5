#include "launch/command_line/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/run/instance_name.h"
#include "launch/command_line/command_line.h"
#include "tests/support/error_of.h"

namespace kvcompare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Arguments = std::vector<std::string>;

std::vector<MethodSpec> instances(Arguments arguments) {
  arguments.insert(arguments.end(), {"--data_path", "texts.jsonl"});
  return std::get<CompareCommand>(parse_command_line(arguments)).spec.methods;
}

std::vector<std::string> names(const Arguments& arguments) {
  std::vector<std::string> all;
  for (const auto& method : instances(arguments)) all.push_back(instance_name(method));
  return all;
}

std::string refusal(const Arguments& arguments) {
  return error_of<ConfigError>([&] { instances(arguments); }).what();
}

TEST(Sweep, CombinesTheValuesThatAMethodUsesAndNoOthers) {
  EXPECT_THAT(names({"--methods", "random,streaming_llm", "--compression_ratio", "0.5,0.25", "--n_sink",
                     "4,8", "--threshold", "-1,-2,-3"}),
              ElementsAre("baseline", "random:policy=ratio:compression_ratio=0.5:seed=42",
                          "random:policy=ratio:compression_ratio=0.25:seed=42",
                          "streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=4",
                          "streaming_llm:policy=ratio:compression_ratio=0.25:n_sink=4",
                          "streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=8",
                          "streaming_llm:policy=ratio:compression_ratio=0.25:n_sink=8"));
}

TEST(Sweep, TakesAListForEveryParameterOfAMethod) {
  EXPECT_EQ(instances({"--methods", "kvzap", "--threshold", "-8,-6,-4", "--sliding_window_size", "16,32",
                       "--kvzap_n_sink", "0,4", "--kvzap_scorer_model", "a,b"})
                .size(),
            1u + 24);
  EXPECT_EQ(instances({"--methods", "expected_attention", "--n_sink", "0,4", "--n_future_positions", "8,16",
                       "--use_covariance", "true,false", "--use_vnorm=false,true"})
                .size(),
            1u + 16);
  EXPECT_EQ(instances({"--methods", "random", "--seed", "1,2,3"}).size(), 1u + 3);
}

TEST(Sweep, RunsAnInstanceOnceHoweverOftenItIsAskedFor) {
  EXPECT_EQ(names({"--methods", "random,random:seed=42,random:compression_ratio=0.5", "--compression_ratio",
                   "0.5,0.50,5e-1"})
                .size(),
            2u);
}

TEST(Sweep, KeepsInstancesOfAMethodTogether) {
  EXPECT_THAT(names({"--methods", "streaming_llm:n_sink=8,random,streaming_llm:n_sink=2"}),
              ElementsAre("baseline", "streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=8",
                          "streaming_llm:policy=ratio:compression_ratio=0.5:n_sink=2",
                          "random:policy=ratio:compression_ratio=0.5:seed=42"));
}

TEST(Sweep, LetsAnInstanceFixWhatTheFlagsVary) {
  EXPECT_THAT(
      names({"--methods", "random:compression_ratio=0.9,knorm", "--compression_ratio", "0.1,0.2"}),
      ElementsAre("baseline", "random:policy=ratio:compression_ratio=0.9:seed=42",
                  "knorm:policy=ratio:compression_ratio=0.1", "knorm:policy=ratio:compression_ratio=0.2"));
}

TEST(Sweep, SeeksAThresholdInThePlaceOfTheOneThatIsGiven) {
  EXPECT_THAT(names({"--methods", "random,knorm:policy=threshold", "--target_density", "0.5,0.25"}),
              ElementsAre("baseline", "random:policy=ratio:compression_ratio=0.5:seed=42",
                          "knorm:policy=threshold:threshold=0:sliding_window_size=128:target_density=0.5",
                          "knorm:policy=threshold:threshold=0:sliding_window_size=128:target_density=0.25"));
  EXPECT_THAT(
      names({"--policy", "threshold", "--methods", "knorm:threshold=-3,knorm", "--target_density", "0.5"}),
      ElementsAre("baseline", "knorm:policy=threshold:threshold=-3:sliding_window_size=128",
                  "knorm:policy=threshold:threshold=0:sliding_window_size=128:target_density=0.5"));
  EXPECT_THAT(
      names({"--policy", "threshold", "--methods", "knorm:target_density=0.5,knorm", "--threshold", "-3"}),
      ElementsAre("baseline", "knorm:policy=threshold:threshold=0:sliding_window_size=128:target_density=0.5",
                  "knorm:policy=threshold:threshold=-3:sliding_window_size=128"));
}

TEST(Sweep, RefusesATargetThatContradictsOrHasNoThreshold) {
  EXPECT_THAT(refusal({"--methods", "kvzap", "--target_density", "0.5", "--threshold", "-3"}),
              HasSubstr("leave one of them out"));
  EXPECT_THAT(refusal({"--methods", "kvzap:threshold=-3:target_density=0.5"}),
              HasSubstr("leave one of them out"));
  EXPECT_THAT(refusal({"--methods", "random,knorm", "--target_density", "0.5"}),
              HasSubstr("no method of this run has one"));
  EXPECT_THAT(refusal({"--methods", "random:target_density=0.5"}), HasSubstr("does not use target_density"));
  for (const char* bad : {"0", "1", "1.5", "-0.5", "nan", "half", "0.5,1"})
    EXPECT_THAT(refusal({"--methods", "kvzap", "--target_density", bad}), HasSubstr("above 0 and below 1"))
        << bad;
}

TEST(Sweep, LetsAnInstanceHaveAPolicyOfItsOwn) {
  EXPECT_THAT(names({"--methods", "random:policy=threshold:threshold=0.3:sliding_window_size=8"}),
              ElementsAre("baseline", "random:policy=threshold:threshold=0.3:sliding_window_size=8:seed=42"));
}

// What instance_name() writes is read as that instance.
TEST(Sweep, ReadsTheNamesOfInstances) {
  const Arguments asked{"--methods",
                        "every",
                        "--compression_ratio",
                        "0.1,0.30000000000000004",
                        "--threshold",
                        "-6.5,1e-7",
                        "--use_vnorm",
                        "true,false",
                        "--seed",
                        "18446744073709551615"};
  std::string list;
  for (const auto& method : instances(asked)) {
    auto name = instance_name(method);
    if (const auto at = name.find(":kvzap_model_type="); at != std::string::npos) name = name.substr(0, at);
    list += (list.empty() ? "" : ",") + name;
  }
  EXPECT_EQ(names({"--methods", list}), names(asked));
}

TEST(Sweep, RefusesAParameterThatTheMethodDoesNotHaveOrUse) {
  EXPECT_THAT(
      refusal({"--methods", "streaming_llm:n_snk=8"}),
      HasSubstr("'streaming_llm:n_snk=8': streaming_llm has no parameter 'n_snk'; did you mean n_sink? "
                "it uses n_sink, protect_first, protect_last, layer_budgets, pyramid_beta, head_budgets, "
                "alpha_safeguard, compression_ratio, policy"));
  EXPECT_THAT(refusal({"--methods", "random:n_sink=8"}), HasSubstr("random does not use n_sink"));
  EXPECT_THAT(refusal({"--methods", "random:threshold=8"}), HasSubstr("random does not use threshold"));
  EXPECT_THAT(refusal({"--methods", "baseline:seed=8"}), HasSubstr("baseline has no parameters"));
  EXPECT_THAT(refusal({"--methods", "random:chunk_size=8"}),
              HasSubstr("random has no parameter 'chunk_size'"));
}

TEST(Sweep, CombinesSizesAndProtection) {
  std::vector<std::string> all;
  for (const auto& method : instances(
           {"--methods", "knorm", "--policy", "size", "--cache_size", "64,128", "--protect_last", "0,8"}))
    all.push_back(instance_name(method));
  EXPECT_THAT(all,
              ElementsAre("baseline", "knorm:policy=size:cache_size=64", "knorm:policy=size:cache_size=128",
                          "knorm:policy=size:cache_size=64:protect_last=8",
                          "knorm:policy=size:cache_size=128:protect_last=8"));
  EXPECT_THAT(refusal({"--methods", "random:policy=size:cache_size=0"}), HasSubstr("cache_size: '0' is not"));
}

// beta of uniform layers is nothing that tells instances apart.
TEST(Sweep, CombinesSharedBudgets) {
  EXPECT_THAT(names({"--methods", "knorm", "--layer_budgets", "uniform,pyramid", "--pyramid_beta", "10,20"}),
              ElementsAre("baseline", "knorm:policy=ratio:compression_ratio=0.5",
                          "knorm:policy=ratio:compression_ratio=0.5:layer_budgets=pyramid:pyramid_beta=10",
                          "knorm:policy=ratio:compression_ratio=0.5:layer_budgets=pyramid:pyramid_beta=20"));
  EXPECT_THAT(
      names({"--methods", "knorm", "--head_budgets", "uniform,adaptive"}),
      ElementsAre("baseline", "knorm:policy=ratio:compression_ratio=0.5",
                  "knorm:policy=ratio:compression_ratio=0.5:head_budgets=adaptive:alpha_safeguard=0.2"));
  EXPECT_THAT(refusal({"--methods", "knorm", "--alpha_safeguard", "1.5"}), HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(refusal({"--methods", "knorm", "--pyramid_beta", "0.5"}), HasSubstr("at least 1"));
  EXPECT_THAT(refusal({"--methods", "h2o", "--recent_share", "1.1"}), HasSubstr("a number from 0 to 1"));
}

TEST(Sweep, KnowsMethodsWithBudgetsOfTheirOwnByTheNamesOfTheirPapers) {
  const std::string snapkv = "snapkv:policy=ratio:compression_ratio=0.5:window_size=64:kernel_size=5";
  const std::string pyramid = ":layer_budgets=pyramid:pyramid_beta=20",
                    adaptive = ":head_budgets=adaptive:alpha_safeguard=0.2";
  EXPECT_THAT(
      names({"--methods", "snapkv,AdaKV,pyramidkv,ada_pyramidkv"}),
      ElementsAre("baseline", snapkv, snapkv + adaptive, snapkv + pyramid, snapkv + pyramid + adaptive));
  EXPECT_THAT(names({"--methods", "adakv:alpha_safeguard=0.4"}),
              ElementsAre("baseline", snapkv + ":head_budgets=adaptive:alpha_safeguard=0.4"));
  EXPECT_THAT(refusal({"--methods", "adakv:head_budgets=uniform"}), HasSubstr("gives head_budgets twice"));
}

TEST(Sweep, RefusesAThresholdForMethodsThatProtectTheirLatestKeys) {
  EXPECT_THAT(refusal({"--methods", "snapkv", "--policy", "threshold"}),
              HasSubstr("snapkv has no threshold policy: it keeps its latest keys"));
  EXPECT_THAT(refusal({"--methods", "h2o:policy=threshold"}), HasSubstr("h2o has no threshold policy"));
  EXPECT_THAT(refusal({"--methods", "random:window_size=8"}), HasSubstr("random does not use window_size"));
}

TEST(Sweep, RefusesValuesWithTheNameOfTheMethod) {
  EXPECT_THAT(
      refusal({"--methods", "random:compression_ratio=1"}),
      HasSubstr(
          "'random:compression_ratio=1': compression_ratio: '1' is not accepted; give a number from 0"));
  EXPECT_THAT(refusal({"--compression_ratio", "0.5,1.5"}), HasSubstr("--compression_ratio: '0.5,1.5'"));
  EXPECT_THAT(refusal({"--compression_ratio", "0.5,,0.6"}), HasSubstr("--compression_ratio: '0.5,,0.6'"));
}

TEST(Sweep, RefusesMoreThanAThousandInstances) {
  std::string many = "1";
  for (int i = 2; i <= 1001; ++i) many += "," + std::to_string(i);
  EXPECT_THAT(
      refusal({"--methods", "random", "--seed", many}),
      HasSubstr("random makes more than 1000 instances of this run: 1001 values of seed; give fewer"));
  EXPECT_EQ(instances({"--methods", "random", "--seed", many.substr(0, many.rfind(','))}).size(), 1001u);
}

TEST(Sweep, ReadsListsOfAConfigurationFileAsArrays) {
  const auto methods = instances({"--config", std::string(KVCOMPARE_CONFIG_CASES) + "/valid/lists.json"});
  std::vector<std::string> all;
  for (const auto& method : methods) all.push_back(instance_name(method));
  EXPECT_THAT(all, ElementsAre("baseline", "random:policy=ratio:compression_ratio=0.25:seed=1",
                               "random:policy=ratio:compression_ratio=0.5:seed=1",
                               "expected_attention:policy=ratio:compression_ratio=0.9:n_sink=4:"
                               "n_future_positions=512:use_covariance=true:use_vnorm=true",
                               "expected_attention:policy=ratio:compression_ratio=0.9:n_sink=4:"
                               "n_future_positions=512:use_covariance=true:use_vnorm=false"));
}

}  // namespace
}  // namespace kvcompare
