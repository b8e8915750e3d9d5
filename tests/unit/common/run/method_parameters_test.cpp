#include "common/run/method_parameters.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/run/instance_name.h"

namespace kvcompare {
namespace {

constexpr auto kMostWhole = std::numeric_limits<std::int64_t>::max();

TEST(MethodParameters, SayByTheirNameWhatTheyAre) {
  EXPECT_EQ(role_of("n_sink"), ParameterRole::kSinks);
  EXPECT_EQ(role_of("some_n_sink"), ParameterRole::kSinks);
  EXPECT_EQ(role_of("some_scorer_model"), ParameterRole::kPlace);
  EXPECT_EQ(role_of("some_model_type"), ParameterRole::kKind);
  EXPECT_EQ(role_of("some_scorer"), ParameterRole::kHash);
  for (const auto* name : {"seed", "sink", "scorer", "model_name", "n_sinks"})
    EXPECT_EQ(role_of(name), ParameterRole::kValue) << name;
  EXPECT_EQ(hash_name("some_scorer_model"), "some_scorer");
  EXPECT_THROW(hash_name("seed"), InvariantError);
  EXPECT_EQ(role_of("some_scores"), ParameterRole::kPlace);
  EXPECT_EQ(role_of("some_scores_sha256"), ParameterRole::kHash);
  EXPECT_EQ(role_of("some_sha256"), ParameterRole::kValue);
  EXPECT_EQ(hash_name("some_scores"), "some_scores_sha256");
  EXPECT_TRUE(is_place_of_scores("some_scores"));
  EXPECT_FALSE(is_place_of_scores("some_scorer_model"));
}

TEST(MethodParameters, HoldEqualWholeNumbersAsEqualValues) {
  EXPECT_EQ(parameter_value(std::uint64_t{7}), parameter_value(std::int64_t{7}));
  EXPECT_EQ(parameter_value(7), parameter_value(7u));
  EXPECT_TRUE(std::holds_alternative<std::int64_t>(parameter_value(std::uint64_t{kMostWhole})));
  EXPECT_TRUE(std::holds_alternative<std::uint64_t>(parameter_value(std::uint64_t{kMostWhole} + 1)));
  EXPECT_EQ(value_as<std::uint64_t>({"seed", parameter_value(7)}), 7u);
  EXPECT_EQ(value_as<std::uint64_t>({"seed", parameter_value(std::uint64_t{kMostWhole} + 1)}),
            std::uint64_t{kMostWhole} + 1);
}

TEST(MethodParameters, AreNotTakenForAnotherType) {
  EXPECT_THROW(value_as<bool>({"a", parameter_value(1)}), InvariantError);
  EXPECT_THROW(value_as<double>({"a", parameter_value(1)}), InvariantError);
  EXPECT_THROW(value_as<std::int64_t>({"a", parameter_value(1.0)}), InvariantError);
  EXPECT_THROW(value_as<std::uint64_t>({"a", parameter_value(-1)}), InvariantError);
  EXPECT_THROW(value_as<std::string>({"a", parameter_value(true)}), InvariantError);
}

TEST(MethodParameters, OfAnInstanceLeaveOutThePlaceOfAScorerAndSweepNeitherKindNorHash) {
  const MethodSpec method{"some",
                          "Some",
                          ScoreThreshold{-2, 9},
                          {{"some_n_sink", parameter_value(3)},
                           {"some_scorer_model", "folder"},
                           {"some_model_type", "mlp"},
                           {"some_scorer", "ab"}}};
  std::vector<std::string> used;
  visit_used(method, [&](std::string_view flag, const auto&) { used.emplace_back(flag); });
  EXPECT_THAT(used, testing::ElementsAre("policy", "threshold", "sliding_window_size", "some_n_sink",
                                         "some_model_type", "some_scorer"));
  EXPECT_THAT(swept_flags(method), testing::ElementsAre("some_n_sink", "some_scorer_model", "protect_first",
                                                        "protect_last", "sliding_window_size", "threshold"));
  EXPECT_EQ(sinks_of(method), 3);
  EXPECT_EQ(text_of_role(method, ParameterRole::kPlace), "folder");
  EXPECT_EQ(sinks_of({"other", "Other", KeepAll{}}), 0);
}

// So that an instance without protection has the name that it always had.
TEST(MethodParameters, OfAnInstanceNameProtectionOnlyWhereThereIsSome) {
  MethodSpec method{"some", "Some", SizeBudget{64}, {{"n_sink", parameter_value(3)}}};
  EXPECT_EQ(instance_name(method), "some:policy=size:cache_size=64:n_sink=3");
  EXPECT_THAT(swept_flags(method),
              testing::ElementsAre("n_sink", "protect_first", "protect_last", "layer_budgets", "pyramid_beta",
                                   "head_budgets", "alpha_safeguard", "cache_size"));
  method.protection = {.first = 8, .last = 16};
  EXPECT_EQ(instance_name(method), "some:policy=size:cache_size=64:n_sink=3:protect_first=8:protect_last=16");
}

TEST(InstanceName, HasSharedBudgetsOnlyWhereTheyAreNotUniform) {
  MethodSpec method{"some", "Some", SizeBudget{64}};
  method.shares.layers = LayerBudgets::kPyramid;
  EXPECT_EQ(instance_name(method), "some:policy=size:cache_size=64:layer_budgets=pyramid:pyramid_beta=20");
  method.shares = {.heads = HeadBudgets::kAdaptive, .alpha_safeguard = 0.5};
  EXPECT_EQ(instance_name(method),
            "some:policy=size:cache_size=64:head_budgets=adaptive:alpha_safeguard=0.5");
}

TEST(Window, OfAThresholdIsAtLeastWhatIsProtected) {
  MethodSpec method{"some", "Some", ScoreThreshold{-2, 9}};
  EXPECT_EQ(window_of(method), 9);
  method.protection.last = 12;
  EXPECT_EQ(window_of(method), 12);
  method.policy = RatioBudget{0.5};
  EXPECT_EQ(window_of(method), 0);
}

}  // namespace
}  // namespace kvcompare
