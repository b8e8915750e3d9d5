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
  EXPECT_EQ(find_method("snap"), nullptr);
  EXPECT_EQ(find_method("h2o")->name, "h2o");
  EXPECT_EQ(find_method(""), nullptr);
}

TEST(Registry, ReportsTheNamesOfTheSpecification) {
  std::vector<std::string> names;
  for (const auto& method : methods()) names.emplace_back(method.display_name);
  EXPECT_THAT(names, testing::ElementsAre("Baseline", "KVzap", "Random", "StreamingLLM", "ExpectedAttention",
                                          "ObservedAttention", "Knorm", "H2O", "TOVA", "SnapKV", "KeyDiff",
                                          "LagKV", "External"));
}

TEST(Registry, FindsVariantsUnderTheNamesOfTheirPapers) {
  for (const auto* spelling : {"adakv", "AdaKV", "ada_kv"}) {
    const auto [method, variant] = find_variant(spelling);
    ASSERT_NE(method, nullptr) << spelling;
    EXPECT_EQ(method->name, "snapkv");
    EXPECT_THAT(variant->fixed, testing::ElementsAre(std::pair("head_budgets", "adaptive")));
  }
  EXPECT_THAT(find_variant("PyramidKV").variant->fixed,
              testing::ElementsAre(std::pair("layer_budgets", "pyramid")));
  EXPECT_EQ(find_variant("ada_pyramidkv").variant->fixed.size(), 2U);
  EXPECT_EQ(find_variant("snapkv").method, nullptr);
  for (const auto& method : methods())
    for (const auto& variant : method.variants) EXPECT_EQ(find_method(variant.name), nullptr);
}

// A row says so because the command line has no scorer.
TEST(Registry, SaysOfWhichMethodsScorersProtectTheLatestKeys) {
  for (const auto& method : methods()) {
    if (needs_trained_scorer(method) || !flag_of_scores(method).empty()) continue;  // they read files
    const auto scorer = make_scorer(make_method_spec(method, {}), {});
    bool protects = std::holds_alternative<std::unique_ptr<LateScorer>>(scorer);
    if (const auto* observing = std::get_if<std::unique_ptr<ObservingScorer>>(&scorer))
      protects = (*observing)->protected_from(1000, 500) < 1000;
    EXPECT_EQ(method.protects_latest, protects) << method.name;
  }
}

TEST(Registry, RefusesAThresholdWhereTheLatestKeysAreProtected) {
  MethodFlags run;
  run.policy = "threshold";
  for (const auto* name : {"h2o", "tova", "snapkv", "lagkv"})
    EXPECT_THROW(make_method_spec(*find_method(name), run), ConfigError) << name;
  EXPECT_NO_THROW(make_method_spec(*find_method("keydiff"), run));
}

TEST(Registry, SharesBudgetsAndNothingElse) {
  MethodFlags run;
  run.layer_budgets = "pyramid";
  run.pyramid_beta = 3;
  run.alpha_safeguard = 0.7;
  const auto pyramid = make_method_spec(*find_method("snapkv"), run);
  EXPECT_EQ(pyramid.shares, (BudgetShares{.layers = LayerBudgets::kPyramid, .pyramid_beta = 3}))
      << "alpha_safeguard does not matter to uniform heads";
  run.head_budgets = "adaptive";
  EXPECT_EQ(make_method_spec(*find_method("knorm"), run).shares.alpha_safeguard, 0.7);
  EXPECT_EQ(make_method_spec(*find_method("baseline"), run).shares, BudgetShares{});
  EXPECT_EQ(make_method_spec(*find_method("kvzap"), run).shares, BudgetShares{}) << "a threshold";
}

TEST(Registry, LeavesToTheHostWhatKernelsCannotDo) {
  const auto is_on_host = [](const char* name, const MethodFlags& run) {
    return std::holds_alternative<HostSchedule>(device_schedule(make_method_spec(*find_method(name), run)));
  };
  MethodFlags run;
  for (const auto* name : {"random", "streaming_llm", "expected_attention", "observed_attention", "knorm"})
    EXPECT_FALSE(is_on_host(name, run)) << name;
  for (const auto* name : {"h2o", "tova", "snapkv", "keydiff", "lagkv"})
    EXPECT_TRUE(is_on_host(name, run)) << name;
  run.head_budgets = "adaptive";
  for (const auto* name : {"random", "expected_attention", "observed_attention"})
    EXPECT_TRUE(is_on_host(name, run)) << name;
  EXPECT_FALSE(is_on_host("baseline", run));
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
  run.set("n_sink", 5);
  run.set("kvzap_n_sink", 3);
  run.compression_ratio = 0.25;
  run.threshold = -2;
  const auto spec = [&](std::string_view name) { return make_method_spec(*find_method(name), run); };
  EXPECT_EQ(sinks_of(spec("streaming_llm")), 5);
  EXPECT_EQ(sinks_of(spec("expected_attention")), 5);
  EXPECT_EQ(sinks_of(spec("kvzap")), 3);
  for (const auto* name : {"baseline", "random", "observed_attention", "knorm"})
    EXPECT_EQ(sinks_of(spec(name)), 0) << name;
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

TEST(Registry, PutsSinksFirstAndTheHashOfAScorerLast) {
  std::vector<std::string> names;
  for (const auto& parameter : make_method_spec(*find_method("kvzap"), {}).parameters)
    names.push_back(parameter.name);
  EXPECT_THAT(names,
              testing::ElementsAre("kvzap_n_sink", "kvzap_scorer_model", "kvzap_model_type", "kvzap_scorer"));
}

TEST(Registry, NamesAMethodThatReadsScoresByTheirFolder) {
  const auto name = [](const std::string& folder) {
    MethodFlags flags;
    flags.set("external_scores", folder);
    return make_method_spec(*find_method("external"), flags).display_name;
  };
  EXPECT_EQ(name("/tmp/my_scores"), "External my_scores");
  EXPECT_EQ(name("a/b/"), "External b");
  EXPECT_EQ(name("x/../mine"), "External mine");
  EXPECT_EQ(make_method_spec(*find_method("external"), {}).display_name, "External");
  EXPECT_EQ(flag_of_scores(*find_method("external")), "external_scores");
  EXPECT_EQ(flag_of_scores(*find_method("kvzap")), "");
  EXPECT_TRUE(needs_trained_scorer(*find_method("kvzap")));
  EXPECT_FALSE(needs_trained_scorer(*find_method("external")));
}

// By hand: 2 layers x 4 heads x 8 channels x 2 operations, and with the covariance 8 + 2 times as many.
TEST(Registry, SaysWhatAMethodCosts) {
  const ModelShape shape{.n_layers = 2, .n_heads = 4, .n_kv_heads = 2, .head_dim = 8};
  const auto cost = [&](std::string_view name, const MethodFlags& flags = {}) {
    return method_cost(make_method_spec(*find_method(name), flags), shape);
  };
  EXPECT_EQ(cost("expected_attention").per_key_and_event, 1280);
  EXPECT_EQ(cost("expected_attention", MethodFlags{}.set("use_covariance", false)).per_key_and_event, 128);
  EXPECT_EQ(cost("observed_attention").attention, 2);
  EXPECT_EQ(cost("snapkv").attention, 2);
  EXPECT_EQ(cost("keydiff").per_key_and_event, 2 * 2 * 2 * 8);
  for (const auto* name : {"baseline", "kvzap", "random", "streaming_llm", "knorm", "lagkv"}) {
    EXPECT_EQ(cost(name).attention, 1) << name;
    EXPECT_EQ(cost(name).per_key_and_event, 0) << name;
  }
}

TEST(Registry, RefusesKvzapWithoutASurrogate) {
  EXPECT_THROW(make_scorer(make_method_spec(*find_method("kvzap"), {}), {}), InvariantError);
}

}  // namespace
}  // namespace kvcompare
