#include "worker/training/surrogate_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

at::Tensor column(std::vector<double> values) { return at::tensor(values, at::kFloat).unsqueeze(1); }

// Four channels, two KV heads: one linear in the channels, one that only a hidden layer can tell.
LayerTargets examples(std::int64_t n, std::uint64_t seed) {
  const auto hidden =
      at::randn({n, 4}, at::Generator(at::detail::createCPUGenerator(seed)), at::TensorOptions());
  const auto linear = hidden.select(1, 0) * 2 - hidden.select(1, 2) - 5;
  const auto bent = hidden.select(1, 1).abs() * 3;
  return {.hidden = hidden, .scores = at::cat({linear.unsqueeze(1), bent.unsqueeze(1)}, 1)};
}

MlpFitOptions small_mlp() {
  return {.hidden_dim = 16, .n_epochs = 12, .batch_size = 64, .learning_rate = 1e-2, .seed = 3};
}

const auto kAlways = [] { return true; };

TEST(FitLinear, IsRidgeRegressionWithAFreeIntercept) {
  // Centred: x = -1, 0, 1 and y = -2, 0, 2. The slope is sum(xy) / (sum(xx) + ridge) = 4 / (2 + 2).
  const auto layer = fit_linear({.hidden = column({9, 10, 11}), .scores = column({3, 5, 7})}, 2);
  ASSERT_EQ(layer.linears.size(), 1u);
  EXPECT_NEAR(layer.linears[0].weight.item<double>(), 1, 1e-6);
  EXPECT_NEAR(layer.linears[0].bias.item<double>(), 5 - 10, 1e-5);
}

TEST(FitLinear, FindsWhatIsLinearAndNotWhatIsNot) {
  const auto layer = fit_linear(examples(2000, 1), 1e-3);
  const auto r2 = r_squared(layer, examples(500, 2));
  EXPECT_NEAR(r2[0], 1, 1e-6);
  EXPECT_LT(r2[1], 0.05);
  EXPECT_NEAR(layer.linears[0].weight[0][2].item<double>(), -1, 1e-4);
  EXPECT_NEAR(layer.linears[0].bias[0].item<double>(), -5, 1e-4);
}

TEST(FitMlp, LearnsWhatALinearSurrogateCannot) {
  const TemporaryFolder folder;
  const auto layer = fit_mlp(examples(4000, 1), small_mlp(), folder.path() / "state", kAlways);
  ASSERT_EQ(layer.linears.size(), 2u);
  EXPECT_EQ(layer.linears[0].weight.sizes(), (at::IntArrayRef{16, 4}));
  EXPECT_EQ(layer.linears[1].weight.sizes(), (at::IntArrayRef{2, 16}));
  const auto r2 = r_squared(layer, examples(500, 2));
  EXPECT_GT(r2[0], 0.95);
  EXPECT_GT(r2[1], 0.95);
}

TEST(FitMlp, IsTheSameHoweverOftenItIsInterrupted) {
  const TemporaryFolder folder;
  const auto whole = fit_mlp(examples(300, 1), small_mlp(), folder.path() / "whole", kAlways);
  int n_stops = 0;
  KvzapSurrogate::Layer pieces;
  while (pieces.linears.empty()) {  // two epochs at a time
    int n_epochs = 0;
    pieces = fit_mlp(examples(300, 1), small_mlp(), folder.path() / "pieces", [&] { return ++n_epochs < 2; });
    n_stops += pieces.linears.empty() ? 1 : 0;
  }
  EXPECT_EQ(n_stops, 6);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::equal(whole.linears[i].weight, pieces.linears[i].weight));
    EXPECT_TRUE(at::equal(whole.linears[i].bias, pieces.linears[i].bias));
  }
}

TEST(FitMlp, DependsOnItsSeed) {
  const TemporaryFolder folder;
  auto options = small_mlp();
  const auto one = fit_mlp(examples(100, 1), options, folder.path() / "one", kAlways);
  options.seed += 1;
  const auto other = fit_mlp(examples(100, 1), options, folder.path() / "other", kAlways);
  EXPECT_FALSE(at::equal(one.linears[0].weight, other.linears[0].weight));
}

TEST(RSquared, IsOneLessTheShareOfVarianceLeft) {
  KvzapSurrogate::Layer identity;
  identity.linears.push_back({at::tensor({1.0F}).view({1, 1}), at::tensor({0.0F})});
  // Errors 1, 0, -1: 2. About the mean of 1, 2, 6: 4 + 1 + 9.
  const auto r2 = r_squared(identity, {.hidden = column({2, 2, 5}), .scores = column({1, 2, 6})});
  EXPECT_THAT(r2, testing::ElementsAre(testing::DoubleNear(1 - 2.0 / 14, 1e-6)));
}

}  // namespace
}  // namespace kvcompare
