#include "worker/training/adamw.h"

#include <cmath>

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include "common/errors.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

constexpr AdamWOptions kOptions{
    .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3, .weight_decay = 0.5, .gradient_norm = 5};

NamedTensors matrix_and_vector(double matrix, double vector) {
  return {{"matrix", at::tensor({matrix}, at::kFloat).view({1, 1}).set_requires_grad(true)},
          {"vector", at::tensor({vector}, at::kFloat).set_requires_grad(true)}};
}

double value(const AdamW& optimiser, std::size_t i) { return optimiser.weights()[i].second.item<double>(); }

// Its gradient is (a, b).
at::Tensor linear_loss(const AdamW& optimiser, double a, double b) {
  return (optimiser.weights()[0].second * a).sum() + (optimiser.weights()[1].second * b).sum();
}

TEST(AdamW, StepsAsTheFormulaSays) {
  AdamW optimiser(matrix_and_vector(2, 3), kOptions);
  EXPECT_NEAR(optimiser.step(linear_loss(optimiser, 3, 4), 0.1), 5, 1e-6);  // 3-4-5: not cut
  // The first step is against the gradient's sign: g / (|g| + epsilon). The matrix has shrunk by 0.1 * 0.5
  // before.
  EXPECT_NEAR(value(optimiser, 0), 2 * 0.95 - 0.1 * 3 / 3.001, 1e-6);
  EXPECT_NEAR(value(optimiser, 1), 3 - 0.1 * 4 / 4.001, 1e-6);

  const double before = value(optimiser, 1);
  EXPECT_NEAR(optimiser.step(linear_loss(optimiser, 0, -20), 0.1), 20, 1e-5);  // cut to (0, -5)
  const double first = (0.9 * 0.1 * 4 + 0.1 * -5) / (1 - 0.81);
  const double second = (0.99 * 0.01 * 16 + 0.01 * 25) / (1 - 0.9801);
  EXPECT_NEAR(value(optimiser, 1), before - 0.1 * first / (std::sqrt(second) + 1e-3), 1e-6);
  EXPECT_EQ(optimiser.n_steps(), 2);
}

TEST(AdamW, GoesOnFromAFileAsIfNothingHadHappened) {
  const TemporaryFolder folder;
  AdamW one(matrix_and_vector(1, 1), kOptions);
  for (int i = 0; i < 3; ++i) one.step(linear_loss(one, 0.3, -0.7 * i), 0.01);
  write_safetensors(folder.path() / "state", one.state());
  AdamW other(matrix_and_vector(9, 9), kOptions);
  other.load(SafetensorsFile(folder.path() / "state"));
  for (AdamW* optimiser : {&one, &other}) optimiser->step(linear_loss(*optimiser, 2, 2), 0.01);
  EXPECT_EQ(value(one, 0), value(other, 0));
  EXPECT_EQ(value(one, 1), value(other, 1));
  EXPECT_EQ(other.n_steps(), 4);
}

TEST(AdamW, RefusesTheStateOfOtherWeights) {
  const TemporaryFolder folder;
  const AdamW one(matrix_and_vector(1, 1), kOptions);
  write_safetensors(folder.path() / "state", one.state());
  AdamW other({{"matrix", at::tensor({1.0, 2.0}, at::kFloat).set_requires_grad(true)}}, kOptions);
  EXPECT_THROW(other.load(SafetensorsFile(folder.path() / "state")), CheckpointError);
}

TEST(CosineDecay, FallsFromOneToTheFinalShare) {
  EXPECT_NEAR(cosine_decay(0, 0.2), 1, 1e-12);
  EXPECT_NEAR(cosine_decay(0.5, 0.2), 0.6, 1e-12);
  EXPECT_NEAR(cosine_decay(1, 0.2), 0.2, 1e-12);
}

}  // namespace
}  // namespace kvcompare
