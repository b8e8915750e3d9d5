#include "worker/engine/batch_work.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvcompare {
namespace {

// q 4 heads and k, v 2 heads of 8 channels.
Decoder small_decoder() {
  LayerShape layer;
  layer.heads = {.n_heads = 4, .n_kv_heads = 2, .head_dim = 8};
  layer.mlp.width = 32;
  Decoder decoder;
  decoder.hidden_size = 16;
  decoder.vocab_size = 100;
  decoder.ropes.emplace_back();
  decoder.layers.assign(3, layer);
  return decoder;
}

// A layer: q and o 16 x 32 each, k and v 16 x 16 each, MLP 3 x 16 x 32: 3072 weights, so 6144 operations a
// token. A query and a key: 4 heads x 8 channels x 4 operations = 128. The head: 2 x 16 x 100 = 3200.
TEST(Operations, AreCountedByHand) {
  const auto decoder = small_decoder();
  EXPECT_EQ(layer_operations(decoder, 1).of(0, 3), 3 * 6144 + (1 + 2 + 3) * 128);
  EXPECT_EQ(layer_operations(decoder, 2).of(3, 5), 2 * 6144 + (4 + 5) * 128);
  EXPECT_EQ(operations_of_layers(decoder).of(3, 5), 3 * (2 * 6144 + (4 + 5) * 128));
  EXPECT_EQ(head_operations(decoder, 5), 5 * 3200);
  const Sample three{SampleIndex(0), {1, 2, 3}}, five{SampleIndex(1), {1, 2, 3, 4, 5}};
  const std::vector<EngineTask> tasks{{&three, nullptr}, {&five, nullptr}};
  EXPECT_EQ(all_operations(decoder, tasks), 3 * (8 * 6144 + (6 + 15) * 128) + 8 * 3200);
}

// A layer whose MLP is 8 wider has 3 x 16 x 8 = 384 weights more.
TEST(Operations, AreThoseOfEachLayer) {
  auto decoder = small_decoder();
  decoder.layers[1].mlp.width += 8;
  EXPECT_EQ(layer_operations(decoder, 0).of(0, 1), 6144 + 128);
  EXPECT_EQ(layer_operations(decoder, 1).of(0, 1), 6144 + 2 * 384 + 128);
  EXPECT_EQ(operations_of_layers(decoder).of(0, 1), 3 * (6144 + 128) + 2 * 384);
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
