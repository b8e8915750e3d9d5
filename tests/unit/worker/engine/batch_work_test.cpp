#include "worker/engine/batch_work.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

// q 4 heads and k, v 2 heads of 8 channels.
ModelConfig small_config() {
  ModelConfig config;
  config.hidden_size = 16;
  config.n_layers = 3;
  config.n_heads = 4;
  config.n_kv_heads = 2;
  config.head_dim = 8;
  config.intermediate_size = 32;
  config.vocab_size = 100;
  return config;
}

// A layer: q and o 16 x 32 each, k and v 16 x 16 each, MLP 3 x 16 x 32: 3072 weights, so 6144 operations a
// token. A query and a key: 4 heads x 8 channels x 4 operations = 128. The head: 2 x 16 x 100 = 3200.
TEST(Operations, AreCountedByHand) {
  const auto config = small_config();
  EXPECT_EQ(layer_operations(config, 0, 3), 3 * 6144 + (1 + 2 + 3) * 128);
  EXPECT_EQ(layer_operations(config, 3, 5), 2 * 6144 + (4 + 5) * 128);
  EXPECT_EQ(head_operations(config, 5), 5 * 3200);
  const Sample three{SampleIndex(0), {1, 2, 3}}, five{SampleIndex(1), {1, 2, 3, 4, 5}};
  const std::vector<EngineTask> tasks{{&three, nullptr}, {&five, nullptr}};
  EXPECT_EQ(all_operations(config, tasks), 3 * (8 * 6144 + (6 + 15) * 128) + 8 * 3200);
}

TEST(BatchWork, TellsTheShareOfAllThatIsDone) {
  std::vector<double> shares;
  const WorkObserver observer = [&](double share) { shares.push_back(share); };
  BatchWork work(observer, 8);
  for (const double more : {1, 3, 2, 2}) work.done(more);
  EXPECT_THAT(shares, testing::ElementsAre(0.125, 0.5, 0.75, 1));
}

TEST(BatchWork, NeverTellsMoreThanAll) {
  std::vector<double> shares;
  const WorkObserver observer = [&](double share) { shares.push_back(share); };
  BatchWork work(observer, 4);
  for (int i = 0; i < 3; ++i) work.done(3);
  EXPECT_THAT(shares, testing::ElementsAre(0.75, 1, 1));
}

TEST(BatchWork, NeedsNobodyWhoWatches) {
  const WorkObserver nobody;
  BatchWork work(nobody, 1);
  work.done(1);
}

}  // namespace
}  // namespace kvcompare
