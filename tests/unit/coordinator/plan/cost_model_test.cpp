#include "coordinator/plan/cost_model.h"

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

// 2 layers; q 4 heads and k, v 2 heads of 8 channels. q and o 16 x 32 each, k and v 16 x 16 each, MLP 3 x 16
// x 32: 3072 weights a layer. Head 16 x 100.
const CostShape kShape{.n_weights = 2 * 3072 + 1600, .n_query_channels = 2 * 4 * 8};

// Half of the keys stay.
const CostedMethod kHalf{RatioBudget{0.5}};

// One token: 2 operations a weight, 15488, and 1. One pair: 2 layers x 4 heads x 8 channels x 4 operations =
// 256.
TEST(PredictedCost, CountsOperationsByHand) {
  EXPECT_EQ(predicted_cost(kShape, {1, 1}, CostedMethod{KeepAll{}}, "layerwise"), 15489 + 256);
  EXPECT_EQ(predicted_cost(kShape, {3, 1}, CostedMethod{KeepAll{}}, "layerwise"), 3 * 15489 + 6 * 256);
  EXPECT_EQ(predicted_cost(kShape, {3, 1}, kHalf, "layerwise"), 3 * 15489 + 3 * 256);
  EXPECT_EQ(predicted_cost(kShape, {3, 1}, CostedMethod{RatioBudget{0.5}, {.attention = 2}}, "layerwise"),
            3 * 15489 + 3 * 2 * 256);
  EXPECT_EQ(predicted_cost(kShape, {3, 1}, CostedMethod{ScoreThreshold{}}, "layerwise"), 3 * 15489 + 6 * 256);
}

TEST(PredictedCost, CountsWhatAPressDoesWithEveryKeyAtEveryEvent) {
  const CostedMethod method{RatioBudget{0.5}, {.per_key_and_event = 1280}};
  EXPECT_EQ(predicted_cost(kShape, {3, 1}, method, "layerwise"), 3 * 15489 + 3 * 256 + 3 * 1280);
  EXPECT_EQ(predicted_cost(kShape, {3, 3}, method, "layerwise"), 3 * 15489 + 3 * 256 + 1280);
}

TEST(PredictedCost, GrowsWithSmallChunksInTheStepwiseEngineAlone) {
  const auto cost = [](std::int64_t chunk, const char* engine) {
    return predicted_cost(kShape, {64, chunk}, kHalf, engine);
  };
  EXPECT_EQ(cost(1, "layerwise"), cost(64, "layerwise"));
  EXPECT_EQ(cost(1, "stepwise") - cost(64, "stepwise"), 64 * 15489 * (32 - 0.5));
}

double n_pairs(const EvictionPolicy& policy, const Chunking& chunking) {
  const auto n = static_cast<double>(chunking.n_tokens);
  return (predicted_cost(kShape, chunking, CostedMethod{policy}, "layerwise") - n * 15489) / 256;
}

// 1 + 2 + 3 + 3 + 3 keys.
TEST(PredictedCost, OfASizeGrowsNoFurtherThanTheSize) {
  EXPECT_EQ(n_pairs(SizeBudget{3}, {5, 1}), 12);
  EXPECT_EQ(n_pairs(SizeBudget{9}, {5, 1}), 15);
}

// A context of 4: 1 + 2 + 3 + 4. Then each of two queries reads the 2 keys that stay, and 1 + 2 later ones.
TEST(PredictedCost, OfPrefillReadsTheContextWholeAndThenWhatIsLeft) {
  const auto prefill = chunking_of(6, 4, 1, {ProtocolKind::kPrefill});
  EXPECT_EQ(n_pairs(RatioBudget{0.5}, prefill), 10 + 2 * 2 + 3);
  const CostedMethod method{RatioBudget{0.5}, {.per_key_and_event = 1280}};
  EXPECT_EQ(predicted_cost(kShape, prefill, method, "layerwise"), 6 * 15489 + 17 * 256 + 4 * 1280);
}

// A context of 4, which stays: 1 + 2 + 3 + 4. The others read it, and of those after it half, or 1.
TEST(PredictedCost, OfGenerateKeepsTheContext) {
  const auto all = chunking_of(8, 4, 1, {ProtocolKind::kGenerate});
  const auto generated = chunking_of(8, 4, 1, {ProtocolKind::kGenerate, BudgetCounts::kGenerated});
  EXPECT_EQ(n_pairs(RatioBudget{0.5}, all), 10 + 4 * 4);
  EXPECT_EQ(n_pairs(RatioBudget{0.5}, generated), 10 + 4.5 + 5 + 5.5 + 6);
  EXPECT_EQ(n_pairs(SizeBudget{1}, generated), 10 + 4 * 5);
}

TEST(PredictedCost, IsPositiveForAModelOfWhichNothingIsKnown) {
  EXPECT_GT(predicted_cost({}, {2, 1}, kHalf, "layerwise"), 0);
}

}  // namespace
}  // namespace kvcompare
