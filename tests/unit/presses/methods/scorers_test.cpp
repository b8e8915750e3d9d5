#include <algorithm>
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

std::vector<double> observed_scores(std::string_view name, const MethodFlags& run, std::int64_t n,
                                    const std::vector<std::int32_t>& positions,
                                    const std::vector<double>& received) {
  const auto scorer = scorer_of(name, run);
  std::vector<double> scores(positions.size(), -77);
  const auto& observing = *std::get<std::unique_ptr<ObservingScorer>>(scorer);
  observing.score(n, positions, received, scores);
  return scores;
}

TEST(H2o, ScoresWhatAKeyReceivedAndProtectsAShareOfTheBudget) {
  EXPECT_EQ(observed_scores("h2o", {}, 5, {0, 3}, {1.5, 0.25}), (std::vector{1.5, 0.25}));
  const auto protected_from = [](double share, std::int64_t budget) {
    const auto scorer = scorer_of("h2o", MethodFlags().set("recent_share", share));
    return std::get<std::unique_ptr<ObservingScorer>>(scorer)->protected_from(100, budget);
  };
  EXPECT_EQ(protected_from(0.5, 7), 97);
  EXPECT_EQ(protected_from(1, 7), 93);
  EXPECT_EQ(protected_from(0, 7), 100);
}

TEST(Tova, ScoresWhatTheLastQueryOfAllHeadsGave) {
  const auto scorer = scorer_of("tova");
  const auto& tova = *std::get<std::unique_ptr<ObservingScorer>>(scorer);
  EXPECT_EQ(tova.last_queries(), 1);
  EXPECT_EQ(tova.received_from(), ReceivedFrom::kAllHeads);
  EXPECT_EQ(tova.protected_from(9, 4), 8);
  EXPECT_EQ(observed_scores("tova", {}, 5, {0, 3}, {0.5, 0.25}), (std::vector{0.5, 0.25}));
}

void expect_scores(const std::vector<double>& scores, const std::vector<double>& expected) {
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], expected[i], 1e-14) << i;
}

// By hand. The window is 2, so the keys 5 and 6 of 7 are protected and no neighbours.
TEST(SnapKv, AveragesOverTheNeighboursBeforeTheWindow) {
  const auto flags = MethodFlags().set("window_size", 2).set("kernel_size", 3);
  expect_scores(observed_scores("snapkv", flags, 7, {0, 1, 4, 5, 6}, {6, 12, 24, 100, 100}),
                {18. / 2 / 3, 42. / 2 / 3, 36. / 2 / 3, 0, 0});
  const auto even = MethodFlags().set("window_size", 2).set("kernel_size", 2);
  expect_scores(observed_scores("snapkv", even, 7, {0, 1, 4, 5, 6}, {6, 12, 24, 100, 100}),
                {6. / 2 / 2, 18. / 2 / 2, 36. / 2 / 2, 0, 0});  // of two neighbours the key before
  const auto wide = MethodFlags().set("window_size", 8);
  expect_scores(observed_scores("snapkv", wide, 7, {0, 1}, {6, 12}), {0, 0});
}

// Three keys of which each is a neighbour of the others.
TEST(SnapKv, GivesKeysWithTheSameNeighboursTheSameScore) {
  const auto flags = MethodFlags().set("window_size", 1);
  const auto scores = observed_scores("snapkv", flags, 7, {0, 1, 4, 6}, {0.1, 0.7, 0.3, 100});
  EXPECT_EQ(scores[0], scores[1]);
  EXPECT_EQ(scores[1], scores[2]);
}

// The formula of docs/semantics.md in plain loops.
std::vector<double> naive_keydiff(const at::Tensor& k, const std::vector<std::int64_t>& alive) {
  const auto d = k.size(1);
  std::vector<std::vector<double>> directions;
  std::vector<double> mean(static_cast<std::size_t>(d), 0);
  const auto normalise = [](std::vector<double>& x) {
    double square = 0;
    for (const auto c : x) square += c * c;
    for (auto& c : x) c /= std::sqrt(square);
  };
  for (const auto j : alive) {
    std::vector<double> x;
    for (std::int64_t c = 0; c < d; ++c) x.push_back(k[j][c].item<double>());
    normalise(x);
    for (std::size_t c = 0; c < x.size(); ++c) mean[c] += x[c] / static_cast<double>(alive.size());
    directions.push_back(x);
  }
  normalise(mean);
  std::vector<double> scores;
  for (const auto& x : directions) {
    double dot = 0;
    for (std::size_t c = 0; c < x.size(); ++c) dot += x[c] * mean[c];
    scores.push_back(-dot);
  }
  return scores;
}

TEST(KeyDiff, IsMinusTheCosineWithTheMeanDirection) {
  const auto view = random_layer_view({.n_tokens = 40, .n_heads = 2, .n_kv_heads = 1, .d_head = 6});
  const auto scorer = scorer_of("keydiff");
  const auto& keydiff = *std::get<std::unique_ptr<DriftingScorer>>(scorer);
  const auto layer = keydiff.start_layer();
  layer->append(view);
  const auto k = view.k[0];
  const auto head = keydiff.start_head({.raw_q = {}, .q = {}, .k = k, .v = {}, .rule = view.rule});
  std::vector<std::int32_t> candidates;
  for (std::int32_t j = 0; j < 40; ++j)
    if (j % 3 != 1) candidates.push_back(j);
  head->start_block(std::vector<std::int64_t>{20, 30, 40}, candidates);
  std::size_t event = 0;
  for (const auto& alive : std::vector<std::vector<std::int64_t>>{
           {0, 2, 3, 9, 18}, {0, 3, 9, 18, 20, 21, 29}, {3, 9, 20, 21, 33, 35, 39}}) {
    const auto expected = naive_keydiff(k, alive);
    const auto positions = at::tensor(alive, at::kLong);
    const auto by_layer = layer->score(alive.back() + 1, 0, {positions, k.index_select(0, positions), {}});
    std::vector<std::int32_t> indices;
    for (const auto j : alive)
      indices.push_back(static_cast<std::int32_t>(
          std::ranges::lower_bound(candidates, static_cast<std::int32_t>(j)) - candidates.begin()));
    std::vector<double> by_head(alive.size());
    head->score(event++, indices, by_head);
    for (std::size_t i = 0; i < alive.size(); ++i) {
      EXPECT_NEAR(by_layer[static_cast<std::int64_t>(i)].item<double>(), expected[i], 1e-12);
      EXPECT_NEAR(by_head[i], expected[i], 1e-12);
      EXPECT_EQ(std::ldexp(by_head[i], 40), std::nearbyint(std::ldexp(by_head[i], 40)));
    }
  }
}

// Each of two keys has the same cosine with their mean: only rounding would tell them apart.
TEST(KeyDiff, GivesTwoKeysTheSameScore) {
  const auto view = random_layer_view({.n_tokens = 200, .n_heads = 1, .n_kv_heads = 1, .d_head = 8});
  const auto scorer = scorer_of("keydiff");
  const auto& keydiff = *std::get<std::unique_ptr<DriftingScorer>>(scorer);
  for (std::int64_t j = 0; j < 200; j += 2) {
    const auto k = view.k[0].narrow(0, j, 2);
    const auto scores = keydiff.start_layer()->score(2, 0, {at::arange(2), k, {}});
    EXPECT_EQ(scores[0].item<double>(), scores[1].item<double>());
    const auto head = keydiff.start_head({.raw_q = {}, .q = {}, .k = k, .v = {}, .rule = view.rule});
    head->start_block(std::vector<std::int64_t>{2}, std::vector<std::int32_t>{0, 1});
    std::vector<double> of_head(2);
    head->score(0, std::vector<std::int32_t>{0, 1}, of_head);
    EXPECT_EQ(of_head[0], scores[0].item<double>());
    EXPECT_EQ(of_head[1], of_head[0]);
  }
}

// Softmax, over the rows of a partition, of the standard deviation of channels scaled by the range that the
// next partition has.
std::vector<double> naive_spread(const at::Tensor& x, std::int64_t first, std::int64_t lag) {
  std::vector<double> spread;
  double sum = 0;
  const auto d = x.size(1);
  for (auto j = first; j < first + lag; ++j) {
    std::vector<double> scaled;
    double mean = 0, square = 0;
    for (std::int64_t c = 0; c < d; ++c) {
      double low = INFINITY, high = -INFINITY;
      for (auto i = first + lag; i < first + 2 * lag; ++i) {
        low = std::min(low, x[i][c].item<double>());
        high = std::max(high, x[i][c].item<double>());
      }
      scaled.push_back(high > low ? (x[j][c].item<double>() - low) / (high - low) : 0);
      mean += scaled.back() / static_cast<double>(d);
    }
    for (const auto value : scaled) square += (value - mean) * (value - mean);
    spread.push_back(std::exp(std::sqrt(square / static_cast<double>(d - 1))));
    sum += spread.back();
  }
  for (auto& s : spread) s /= sum;
  return spread;
}

TEST(LagKv, RanksAPartitionByItsSpreadRelativeToTheNext) {
  const auto view = random_layer_view({.n_tokens = 23, .n_heads = 2, .n_kv_heads = 2, .d_head = 6});
  const auto scorer = scorer_of("lagkv", MethodFlags().set("n_sink", 2).set("lag_size", 5));
  const auto& lagkv = *std::get<std::unique_ptr<LateScorer>>(scorer);
  for (const auto& [n, n_scored] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {2, 2}, {11, 2}, {12, 7}, {16, 7}, {17, 12}, {23, 17}})
    EXPECT_EQ(lagkv.n_scored(n), n_scored) << n;
  const auto all = lagkv.score(view.k, view.v, 0, 17);
  EXPECT_TRUE(all.narrow(1, 12, 5).equal(lagkv.score(view.k, view.v, 12, 17)));
  EXPECT_TRUE(
      all.narrow(1, 0, 12).equal(lagkv.score(view.k.narrow(1, 0, 17), view.v.narrow(1, 0, 17), 0, 12)));
  EXPECT_TRUE(all.narrow(1, 0, 2).equal(at::zeros({2, 2}, at::kDouble)));
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t first = 2; first < 17; first += 5) {
      const auto of_keys = naive_spread(view.k[h], first, 5), of_values = naive_spread(view.v[h], first, 5);
      for (std::size_t a = 0; a < 5; ++a) {
        double rank = 0;
        for (std::size_t b = 0; b < 5; ++b)
          rank += of_keys[b] + of_values[b] < of_keys[a] + of_values[a] ? 1 : 0;
        EXPECT_EQ(all[h][first + static_cast<std::int64_t>(a)].item<double>(), rank / 5);
      }
    }
}

TEST(LagKv, RanksNothingThatIsNan) {
  const auto k = at::zeros({1, 12, 4}, at::kDouble), v = at::zeros({1, 12, 4}, at::kDouble);
  v[0][1][2] = NAN;
  v[0][5][2] = 1;  // the range by which the partition before is scaled
  const auto scorer = scorer_of("lagkv", MethodFlags().set("n_sink", 0).set("lag_size", 4));
  const auto scores = std::get<std::unique_ptr<LateScorer>>(scorer)->score(k, v, 0, 8);
  EXPECT_TRUE(std::isnan(scores[0][0].item<double>()));
  EXPECT_EQ(scores[0][4].item<double>(), 0.75);
}

TEST(LagKv, RanksTheEarlierHigherOnATie) {
  const auto same = at::zeros({1, 8, 4}, at::kDouble);
  const auto scorer = scorer_of("lagkv", MethodFlags().set("n_sink", 0).set("lag_size", 4));
  const auto scores = std::get<std::unique_ptr<LateScorer>>(scorer)->score(same, same, 0, 4);
  EXPECT_TRUE(scores.equal(at::tensor({0.75, 0.5, 0.25, 0.0}, at::kDouble).view({1, 4})));
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
