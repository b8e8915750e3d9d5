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
  EXPECT_EQ(predicted_cost(kShape, 1, CostedMethod{KeepAll{}}, 1, "layerwise"), 15489 + 256);
  EXPECT_EQ(predicted_cost(kShape, 3, CostedMethod{KeepAll{}}, 1, "layerwise"), 3 * 15489 + 6 * 256);
  EXPECT_EQ(predicted_cost(kShape, 3, kHalf, 1, "layerwise"), 3 * 15489 + 3 * 256);
  EXPECT_EQ(predicted_cost(kShape, 3, CostedMethod{RatioBudget{0.5}, {.attention = 2}}, 1, "layerwise"),
            3 * 15489 + 3 * 2 * 256);
  EXPECT_EQ(predicted_cost(kShape, 3, CostedMethod{ScoreThreshold{}}, 1, "layerwise"), 3 * 15489 + 6 * 256);
}

TEST(PredictedCost, CountsWhatAPressDoesWithEveryKeyAtEveryEvent) {
  const CostedMethod method{RatioBudget{0.5}, {.per_key_and_event = 1280}};
  EXPECT_EQ(predicted_cost(kShape, 3, method, 1, "layerwise"), 3 * 15489 + 3 * 256 + 3 * 1280);
  EXPECT_EQ(predicted_cost(kShape, 3, method, 3, "layerwise"), 3 * 15489 + 3 * 256 + 1280);
}

TEST(PredictedCost, GrowsWithSmallChunksInTheStepwiseEngineAlone) {
  const auto cost = [](std::int64_t chunk, const char* engine) {
    return predicted_cost(kShape, 64, kHalf, chunk, engine);
  };
  EXPECT_EQ(cost(1, "layerwise"), cost(64, "layerwise"));
  EXPECT_EQ(cost(1, "stepwise") - cost(64, "stepwise"), 64 * 15489 * (32 - 0.5));
}

TEST(PredictedCost, IsPositiveForAModelOfWhichNothingIsKnown) {
  EXPECT_GT(predicted_cost({}, 2, kHalf, 1, "layerwise"), 0);
}

}  // namespace
}  // namespace kvcompare
