#include "worker/model/cross_entropy.h"

#include <cmath>

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>

namespace kvcompare {
namespace {

constexpr std::int64_t kVocab = 7;
constexpr std::int64_t kHidden = 4;

// A model without layers: final norm and head.
Model headless_model() {
  Decoder decoder;
  decoder.vocab_size = kVocab;
  decoder.hidden_size = kHidden;
  decoder.norm.epsilon = 1e-3;
  ModelWeights weights;
  weights.embedding = at::randn({kVocab, kHidden}, at::kDouble);
  weights.lm_head = at::randn({kVocab, kHidden}, at::kDouble);
  weights.final_norm = at::ones({kHidden}, at::kDouble) * 1.5;
  return Model(decoder, weights);
}

// The definition in plain loops.
double naive_nll(const Model& model, const at::Tensor& x, TokenId target) {
  const auto logits = model.logits(model.last_hidden(x.unsqueeze(0)))[0];
  double sum = 0;
  for (std::int64_t v = 0; v < kVocab; ++v) sum += std::exp(logits[v].item<double>());
  return std::log(sum) - logits[target].item<double>();
}

TEST(CrossEntropy, IsTheDefinitionWhateverTheBlocks) {
  const auto model = headless_model();
  const auto x = at::randn({6, kHidden}, at::kDouble) * 3;
  const std::vector<TokenId> targets{3, 0, 6, 6, 1};  // one fewer than rows: the last predicts nothing
  for (const std::int64_t max_logits : {std::int64_t{1}, kVocab, 2 * kVocab, 3 * kVocab - 1, kMaxLogits}) {
    const auto nll = cross_entropy(model, x, targets, max_logits);
    ASSERT_EQ(nll.size(), targets.size()) << max_logits;
    for (std::size_t i = 0; i < targets.size(); ++i)
      EXPECT_NEAR(nll[i], naive_nll(model, x[static_cast<std::int64_t>(i)], targets[i]), 1e-12)
          << max_logits << " " << i;
  }
}

TEST(CrossEntropy, OfNoTargetsIsNothing) {
  EXPECT_TRUE(cross_entropy(headless_model(), at::randn({1, kHidden}, at::kDouble), {}).empty());
}

// RMSNorm and head by hand: one channel alone is not 0.
TEST(ModelLogits, ApplyFinalNormAndHead) {
  const auto model = headless_model();
  auto x = at::ones({1, kHidden}, at::kDouble) * 0;
  x[0][2] = 2.0;
  const auto logits = model.logits(model.last_hidden(x));
  const auto again =
      model.logits(model.last_hidden(x * 1e6));  // the norm takes the scale away, but for epsilon
  for (std::int64_t v = 0; v < kVocab; ++v) {
    const double scale = std::sqrt((4.0 / kHidden + 1e-3) / (4.0 / kHidden));
    EXPECT_NEAR(again[0][v].item<double>(), logits[0][v].item<double>() * scale, 1e-9);
  }
}

}  // namespace
}  // namespace kvcompare
