#include <gtest/gtest.h>

#include "common/run/method_parameters.h"
#include "coordinator/json/json_method_flags.h"

namespace kvcompare {
namespace {

const MethodSpec kBaseline{"baseline", "Baseline", KeepAll{}, {}};

MethodSpec random(double ratio, std::uint64_t seed) {
  return {"random", "Random", RatioBudget{ratio}, {{"seed", parameter_value(seed)}}};
}

MethodSpec knorm(double ratio) { return {"knorm", "Knorm", RatioBudget{ratio}, {}}; }

OrderedJson parsed(const char* text) { return OrderedJson::parse(text); }

TEST(MethodFlags, AreNamesAndListsWhereInstancesAreAllCombinations) {
  EXPECT_EQ(json_method_flags({kBaseline, random(0.5, 1), knorm(0.5)}),
            parsed(R"({"methods": ["baseline", "random", "knorm"], "policy": "auto", "compression_ratio": 0.5,
                       "seed": 1})"));
  EXPECT_EQ(json_method_flags({kBaseline, random(0.5, 1), random(0.2, 1), random(0.5, 2), random(0.2, 2),
                               knorm(0.5), knorm(0.2)}),
            parsed(R"({"methods": ["baseline", "random", "knorm"], "policy": "auto",
                       "compression_ratio": [0.5, 0.2], "seed": [1, 2]})"));
}

TEST(MethodFlags, AreInstancesWhereOneIsMissingOrInAnotherOrder) {
  const auto all = parsed(R"({"methods": ["baseline", "random:policy=ratio:compression_ratio=0.5:seed=1",
                                          "random:policy=ratio:compression_ratio=0.2:seed=1",
                                          "knorm:policy=ratio:compression_ratio=0.5"]})");
  EXPECT_EQ(json_method_flags({kBaseline, random(0.5, 1), random(0.2, 1), knorm(0.5)}), all);
  EXPECT_EQ(json_method_flags({kBaseline, random(0.5, 1), random(0.2, 2)})["methods"].size(), 3u);
  // In the order of a sweep the ratio changes fastest.
  const auto other_order =
      json_method_flags({kBaseline, random(0.5, 1), random(0.5, 2), random(0.2, 1), random(0.2, 2)});
  EXPECT_FALSE(other_order.contains("seed"));
}

TEST(MethodFlags, NameAScorerOnlyWhereThereAreSeveral) {
  const auto kvzap = [](double threshold, std::int64_t n_sink, const char* scorer) {
    return MethodSpec{"kvzap",
                      "KVzap",
                      ScoreThreshold{threshold, 8},
                      {{"kvzap_n_sink", n_sink}, {"kvzap_scorer_model", ""}, {"kvzap_scorer", scorer}}};
  };
  EXPECT_EQ(json_method_flags({kvzap(-1, 0, "aa"), kvzap(-2, 3, "aa")}),
            parsed(R"({"methods": ["kvzap:policy=threshold:threshold=-1:sliding_window_size=8:kvzap_n_sink=0",
                                   "kvzap:policy=threshold:threshold=-2:sliding_window_size=8:kvzap_n_sink=3"]})"));
  EXPECT_EQ(json_method_flags({kvzap(-1, 0, "aa"), kvzap(-2, 0, "bb")})["methods"][1],
            "kvzap:policy=threshold:threshold=-2:sliding_window_size=8:kvzap_n_sink=0:kvzap_scorer=bb");
}

TEST(MethodFlags, NameAPolicyThatIsForcedOnAll) {
  auto method = knorm(0.5);
  method.has_own_policy = false;
  method.policy = ScoreThreshold{-3, 16};
  EXPECT_EQ(json_method_flags({kBaseline, method}),
            parsed(R"({"methods": ["baseline", "knorm"], "policy": "threshold", "sliding_window_size": 16,
                       "threshold": -3.0})"));
  EXPECT_FALSE(json_method_flags({kBaseline, method, random(0.5, 1)}).contains("policy"));
}

TEST(MethodFlags, ListSharedBudgetsWhereThereAreSome) {
  auto adaptive = knorm(0.5), pyramid = knorm(0.5);
  adaptive.shares = {.heads = HeadBudgets::kAdaptive, .alpha_safeguard = 0.5};
  pyramid.shares = {.layers = LayerBudgets::kPyramid};
  EXPECT_EQ(json_method_flags({kBaseline, adaptive}),
            parsed(R"({"methods": ["baseline", "knorm"], "policy": "auto", "alpha_safeguard": 0.5,
                       "compression_ratio": 0.5, "head_budgets": "adaptive"})"));
  EXPECT_EQ(json_method_flags({kBaseline, knorm(0.5), pyramid}),
            parsed(R"({"methods": ["baseline", "knorm"], "policy": "auto", "compression_ratio": 0.5,
                       "layer_budgets": ["uniform", "pyramid"]})"));
  EXPECT_EQ(json_method_flags({kBaseline, knorm(0.5), adaptive})["methods"][2],
            "knorm:policy=ratio:compression_ratio=0.5:head_budgets=adaptive:alpha_safeguard=0.5")
      << "uniform heads have no alpha_safeguard to combine";
}

TEST(MethodFlags, ListProtectionWhereThereIsSome) {
  const auto protect = [](std::int64_t first) {
    auto method = knorm(0.5);
    method.protection.first = first;
    return method;
  };
  EXPECT_EQ(json_method_flags({kBaseline, protect(0), protect(8)}),
            parsed(R"({"methods": ["baseline", "knorm"], "policy": "auto", "compression_ratio": 0.5,
                       "protect_first": [0, 8]})"));
  EXPECT_EQ(json_method_flags({kBaseline, protect(8)}),
            parsed(R"({"methods": ["baseline", "knorm"], "policy": "auto", "compression_ratio": 0.5,
                       "protect_first": 8})"));
  EXPECT_FALSE(json_method_flags({kBaseline, protect(0)}).contains("protect_first"));
}

}  // namespace
}  // namespace kvcompare
