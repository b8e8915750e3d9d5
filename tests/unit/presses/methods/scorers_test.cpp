#include <cmath>
#include <cstdint>
#include <random>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "presses/methods/kvzap_surrogate.h"
#include "presses/registry.h"
#include "presses/scorer.h"
#include "tests/support/parameters.h"
#include "tests/support/standard_scorer.h"
#include "tests/unit/presses/methods/layer_view.h"

namespace kvcompare {
namespace {

Scorer scorer_of(std::string_view name, const MethodFlags& run = {}, const ScorerResources& resources = {}) {
  return make_scorer(make_method_spec(*find_method(name), run), resources);
}

at::Tensor fixed_scores(const Scorer& scorer, const LayerView& view) {
  return std::get<std::unique_ptr<FixedScorer>>(scorer)->score(view);
}

// Known answers of Philox4x32-10 in the Random123 distribution (kat_vectors): first output word.
TEST(Random, IsPhiloxOfTheZeroCounter) {
  const auto view = random_layer_view({.n_tokens = 1, .n_heads = 1, .n_kv_heads = 1});
  MethodFlags run;
  run.set("seed", 0);
  EXPECT_EQ(fixed_scores(scorer_of("random", run), view).item<double>(), (0x6627e8d5u >> 8) * 0x1p-24);
}

TEST(Random, PutsSeedSampleHeadAndPositionIntoKeyAndCounter) {
  auto view =
      random_layer_view({.n_tokens = 1, .n_heads = 1, .n_kv_heads = 1}, /*first_position=*/0x243f6a88);
  view.sample = SampleIndex(0x0370734413198a2e);
  view.layer = LayerIndex(0x85a308d3);
  MethodFlags run;
  run.set("seed", 0x299f31d0a4093822);
  EXPECT_EQ(fixed_scores(scorer_of("random", run), view).item<double>(), (0xd16cfe09u >> 8) * 0x1p-24);
}

TEST(Random, DoesNotDependOnTheChunk) {
  const auto scorer = scorer_of("random");
  const auto whole = fixed_scores(scorer, random_layer_view({.n_tokens = 6}));
  const auto tail = fixed_scores(scorer, random_layer_view({.n_tokens = 2}, /*first_position=*/4));
  EXPECT_TRUE(whole.narrow(1, 4, 2).equal(tail));
}

TEST(StreamingLlm, ScoresThePosition) {
  const auto scores = fixed_scores(scorer_of("streaming_llm"), random_layer_view({.n_tokens = 3}, 7));
  EXPECT_TRUE(scores.equal(at::tensor({7.0, 8.0, 9.0, 7.0, 8.0, 9.0}, at::kDouble).view({2, 3})));
}

TEST(Knorm, RoundsTheNormToElevenBitsTiesToEven) {
  auto view = random_layer_view({.n_tokens = 5, .n_heads = 1, .n_kv_heads = 1});
  view.raw_k = at::zeros({1, 5, 8}, at::kDouble);
  const double unit = 0x1p-11;  // one unit in the 11th bit of numbers in [0.5, 1)
  const std::vector<double> norms{0.5 + 1.5 * unit, 0.5 + 2.5 * unit, 0.75, 3.0, 3.0 + unit};
  for (std::int64_t t = 0; t < 5; ++t) view.raw_k[0][t][3] = norms[static_cast<std::size_t>(t)];
  const auto scores = fixed_scores(scorer_of("knorm"), view);
  EXPECT_TRUE(scores.equal(
      at::tensor({-(0.5 + 2 * unit), -(0.5 + 2 * unit), -0.75, -3.0, -3.0}, at::kDouble).view({1, 5})));
}

// By the definition: frexp, the mantissa times 2^11 to the nearest integer, ldexp.
TEST(Knorm, RoundsAsTheDefinitionSaysOverAllExponents) {
  auto view = random_layer_view({.n_tokens = 400, .n_heads = 1, .n_kv_heads = 1});
  view.raw_k = at::zeros({1, 400, 8}, at::kDouble);
  std::mt19937_64 random(7);
  std::vector<double> expected;
  for (std::int64_t t = 0; t < 400; ++t) {
    const double norm =
        std::ldexp(std::uniform_real_distribution<double>(0.5, 1)(random), static_cast<int>(t) - 200);
    view.raw_k[0][t][0] = norm;
    int exponent = 0;
    const double mantissa = std::frexp(norm, &exponent);
    expected.push_back(-std::ldexp(std::nearbyint(mantissa * 2048) / 2048, exponent));
  }
  EXPECT_TRUE(fixed_scores(scorer_of("knorm"), view).equal(at::tensor(expected, at::kDouble).unsqueeze(0)));
}

TEST(Knorm, LooksAtTheKeyBeforeRope) {
  auto view = random_layer_view({});
  const auto scores = fixed_scores(scorer_of("knorm"), view);
  view.k = view.k * 100;
  EXPECT_TRUE(fixed_scores(scorer_of("knorm"), view).equal(scores));
}

TEST(Kvzap, AppliesTheSurrogateOfTheLayer) {
  auto view = random_layer_view({.n_tokens = 1, .n_kv_heads = 1, .d_model = 2});
  view.hidden = at::tensor({1.0, -2.0}, at::kDouble).view({1, 2});
  view.layer = LayerIndex(1);
  KvzapSurrogate surrogate;
  const auto weight = [](std::vector<double> w, std::int64_t rows) {
    return at::tensor(w, at::kDouble).view({rows, -1});
  };
  surrogate.layers.push_back({{{weight({0, 0}, 1), at::tensor({99.0}, at::kDouble)}}});
  surrogate.layers.push_back({{{weight({1, 0, 0, 1}, 2), at::tensor({0.5, 0.0}, at::kDouble)},
                               {weight({2, 3}, 1), at::tensor({-7.0}, at::kDouble)}}});
  const TrainedScorers surrogates{{standard_scorer(), surrogate}};
  const auto gelu = [](double x) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); };
  const auto score = fixed_scores(scorer_of("kvzap", {}, {&surrogates}), view).item<double>();
  EXPECT_NEAR(score, 2 * gelu(1.5) + 3 * gelu(-2) - 7, 1e-14);
}

TEST(ObservedAttention, DividesTheMeanOverTheGroupByTheQueriesThatCouldSee) {
  const auto scorer = scorer_of("observed_attention");
  const auto scores = std::get<std::unique_ptr<ObservingScorer>>(scorer)->score(
      /*n=*/5, at::tensor({0, 3}, at::kLong), at::tensor({1.0, 0.5, 2.0, 0.1}, at::kDouble).view({2, 2}));
  EXPECT_NEAR(scores[0].item<double>(), 1.5 / 5, 1e-15);
  EXPECT_NEAR(scores[1].item<double>(), 0.3 / 2, 1e-15);
}

// The formula of docs/semantics.md in plain loops: explicit rotation matrices, two-pass covariance.
class NaiveExpectedAttention {
 public:
  NaiveExpectedAttention(const LayerView& view, std::vector<double> frequencies,
                         const ExpectedAttentionFlags& run, std::int64_t n)
      : view_(view), frequencies_(std::move(frequencies)), run_(run), n_(n) {}

  double z(std::int64_t query_head, std::int64_t kv_head, std::int64_t j) const {
    const auto mu = turned(mean(query_head));
    const auto d = std::ssize(mu);
    double linear = 0, quadratic = 0;
    for (std::int64_t c = 0; c < d; ++c) linear += k(kv_head, j, c) * mu[static_cast<std::size_t>(c)];
    // k^T R cov R^T k = mean over s of (k . R (q_s - mean))^2
    for (std::int64_t s = run_.n_sink; s < n_; ++s) {
      auto deviation = mean(query_head);
      for (std::int64_t c = 0; c < d; ++c)
        deviation[static_cast<std::size_t>(c)] =
            view_.raw_q[query_head][s][c].item<double>() - deviation[static_cast<std::size_t>(c)];
      const auto r = turned(deviation);
      double dot = 0;
      for (std::int64_t c = 0; c < d; ++c) dot += k(kv_head, j, c) * r[static_cast<std::size_t>(c)];
      quadratic += dot * dot / static_cast<double>(n_ - run_.n_sink);
    }
    const auto dd = static_cast<double>(d);
    return linear / std::sqrt(dd) + (run_.use_covariance ? quadratic / (2 * dd) : 0);
  }

  double score(std::int64_t kv_head, std::int64_t j, const std::vector<std::int64_t>& body) const {
    const auto group = view_.raw_q.size(0) / view_.k.size(0);
    double p = 0;
    for (std::int64_t q = kv_head * group; q < (kv_head + 1) * group; ++q) {
      double sum = 0;
      for (const auto other : body) sum += std::exp(z(q, kv_head, other));
      p += std::exp(z(q, kv_head, j)) / sum / static_cast<double>(group);
    }
    double norm = 0;
    for (std::int64_t c = 0; c < view_.v.size(2); ++c)
      norm += std::pow(view_.v[kv_head][j][c].item<double>(), 2);
    return std::log(p) + (run_.use_vnorm ? 0.5 * std::log(norm) : 0);
  }

 private:
  double k(std::int64_t head, std::int64_t j, std::int64_t c) const {
    return view_.k[head][j][c].item<double>();
  }

  std::vector<double> mean(std::int64_t query_head) const {
    std::vector<double> mu(static_cast<std::size_t>(view_.raw_q.size(2)));
    for (std::int64_t s = run_.n_sink; s < n_; ++s)
      for (std::size_t c = 0; c < mu.size(); ++c)
        mu[c] += view_.raw_q[query_head][s][static_cast<std::int64_t>(c)].item<double>() /
                 static_cast<double>(n_ - run_.n_sink);
    return mu;
  }

  std::vector<double> turned(const std::vector<double>& x) const {
    const auto half = x.size() / 2;
    std::vector<double> y(x.size());
    for (std::int64_t p = n_; p < n_ + run_.n_future_positions; ++p)
      for (std::size_t c = 0; c < half; ++c) {
        const double angle = static_cast<double>(p) * frequencies_[c];
        const auto n = static_cast<double>(run_.n_future_positions);
        y[c] += (x[c] * std::cos(angle) - x[c + half] * std::sin(angle)) / n;
        y[c + half] += (x[c + half] * std::cos(angle) + x[c] * std::sin(angle)) / n;
      }
    return y;
  }

  const LayerView& view_;
  std::vector<double> frequencies_;
  ExpectedAttentionFlags run_;
  std::int64_t n_;
};

class ExpectedAttentionTerms : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(ExpectedAttentionTerms, IsTheFormulaWhateverTheChunks) {
  ExpectedAttentionFlags run{.n_sink = 2, .n_future_positions = 9};
  std::tie(run.use_covariance, run.use_vnorm) = GetParam();
  const std::vector<double> frequencies{1.0, 0.4, 0.1, 0.01};
  const Rope rope(at::tensor(frequencies, at::kDouble));
  auto view = random_layer_view({.n_tokens = 7});
  view.rule.rope = &rope;
  const auto scorer = scorer_of("expected_attention", {.of_presses = run.list()});
  const auto layer = std::get<std::unique_ptr<DriftingScorer>>(scorer)->start_layer();
  for (const auto& [first, n] : std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 1}, {1, 3}, {4, 3}}) {
    auto chunk = view;
    chunk.first_position = first;
    chunk.raw_q = view.raw_q.narrow(1, first, n);
    layer->append(chunk);
  }
  const auto positions = at::tensor({0, 1, 2, 4, 6}, at::kLong);
  for (std::int64_t h = 0; h < 2; ++h) {
    const auto scores = layer->score(
        7, h, {positions, view.k[h].index_select(0, positions), view.v[h].index_select(0, positions)});
    const NaiveExpectedAttention naive(view, frequencies, run, 7);
    for (std::int64_t i = 2; i < 5; ++i)
      EXPECT_NEAR(scores[i].item<double>(), naive.score(h, positions[i].item<std::int64_t>(), {2, 4, 6}),
                  1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(OnAndOff, ExpectedAttentionTerms,
                         testing::Combine(testing::Bool(), testing::Bool()));

TEST(ExpectedAttention, HasNothingToScoreBeforeTheSinksAreOver) {
  const Rope rope(at::tensor({1.0, 0.4, 0.1, 0.01}, at::kDouble));
  auto view = random_layer_view({.n_tokens = 4});
  view.rule.rope = &rope;
  const auto scorer = scorer_of("expected_attention");
  const auto layer = std::get<std::unique_ptr<DriftingScorer>>(scorer)->start_layer();
  layer->append(view);
  EXPECT_TRUE(layer->score(4, 0, {at::arange(4), view.k[0], view.v[0]}).equal(at::zeros({4}, at::kDouble)));
}

}  // namespace
}  // namespace kvcompare
