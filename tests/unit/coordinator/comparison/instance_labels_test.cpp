#include "coordinator/comparison/instance_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

using testing::ElementsAre;

const MethodSpec kBaseline{"baseline", "Baseline", KeepAll{}, {}};

MethodSpec streaming(double ratio, std::int64_t n_sink) {
  return {"streaming_llm", "StreamingLLM", RatioBudget{ratio}, {{"n_sink", n_sink}}};
}

MethodSpec kvzap(double threshold, const std::string& scorer) {
  return {"kvzap",
          "KVzap",
          ScoreThreshold{threshold, 128},
          {{"kvzap_n_sink", std::int64_t{0}}, {"kvzap_scorer_model", "x"}, {"kvzap_scorer", scorer}}};
}

TEST(InstanceLabels, AreTheNamesOfMethodsWithOneInstance) {
  EXPECT_THAT(instance_labels({kBaseline, streaming(0.75, 4), kvzap(-6, "ab")}),
              ElementsAre("Baseline", "StreamingLLM", "KVzap"));
}

TEST(InstanceLabels, HoldWhatDiffersAmongTheInstancesOfAMethod) {
  EXPECT_THAT(
      instance_labels({kBaseline, streaming(0.75, 4), streaming(0.5, 4), kvzap(-6, "ab"), kvzap(-7.5, "ab")}),
      ElementsAre("Baseline", "StreamingLLM 0.75", "StreamingLLM 0.5", "KVzap τ -6", "KVzap τ -7.5"));
  EXPECT_THAT(instance_labels({streaming(0.75, 4), streaming(0.75, 8)}),
              ElementsAre("StreamingLLM n_sink 4", "StreamingLLM n_sink 8"));
  EXPECT_THAT(instance_labels({kvzap(-6, std::string(64, 'a')), kvzap(-6, std::string(64, 'b'))}),
              ElementsAre("KVzap scorer aaaaaaaa", "KVzap scorer bbbbbbbb"));
}

TEST(InstanceLabels, SayTheSizeInKeysAndWhatIsProtected) {
  auto small = streaming(0, 4), large = small, protecting = small;
  small.policy = protecting.policy = SizeBudget{64};
  large.policy = SizeBudget{256};
  protecting.protection = {.first = 8, .last = 0};
  EXPECT_THAT(instance_labels({small, large}), ElementsAre("StreamingLLM 64 keys", "StreamingLLM 256 keys"));
  EXPECT_THAT(instance_labels({small, protecting}),
              ElementsAre("StreamingLLM", "StreamingLLM protect_first 8"));
}

TEST(InstanceLabels, NameSharedBudgetsByTheirKind) {
  auto uniform = streaming(0.5, 4), pyramid = uniform, steeper = uniform, adaptive = uniform;
  pyramid.shares = {.layers = LayerBudgets::kPyramid};
  steeper.shares = {.layers = LayerBudgets::kPyramid, .pyramid_beta = 30};
  adaptive.shares = {.heads = HeadBudgets::kAdaptive};
  EXPECT_THAT(instance_labels({uniform, pyramid, adaptive}),
              ElementsAre("StreamingLLM", "StreamingLLM pyramid", "StreamingLLM adaptive"));
  EXPECT_THAT(instance_labels({uniform, pyramid, steeper}),
              ElementsAre("StreamingLLM", "StreamingLLM pyramid pyramid_beta 20",
                          "StreamingLLM pyramid pyramid_beta 30"));
}

TEST(InstanceLabels, TellPoliciesApart) {
  auto by_threshold = streaming(0, 4);
  by_threshold.policy = ScoreThreshold{0.5, 16};
  EXPECT_THAT(instance_labels({streaming(0.5, 4), by_threshold}),
              ElementsAre("StreamingLLM 0.5", "StreamingLLM τ 0.5 sliding_window_size 16"));
}

}  // namespace
}  // namespace kvcompare
