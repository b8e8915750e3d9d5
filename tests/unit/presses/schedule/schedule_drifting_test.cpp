#include "presses/schedule/schedule_drifting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "presses/registry.h"
#include "tests/support/parameters.h"
#include "tests/unit/presses/schedule/naive_schedule.h"

namespace kvcompare {
namespace {

using Deaths = std::vector<DeathTime>;
using Positions = std::vector<std::int64_t>;

// Scores that depend on everything that a head may look at: the event, the key, and which keys are alive.
class AnyScores {
 public:
  // n_levels different scores, symmetric about 0; 0: many.
  AnyScores(std::uint64_t seed, std::uint64_t n_levels) : seed_(seed), n_levels_(n_levels) {}

  std::vector<double> operator()(std::int64_t n, const Positions& alive) const {
    auto of_event = mixed(seed_ ^ static_cast<std::uint64_t>(n));
    for (const auto j : alive) of_event = mixed(of_event ^ static_cast<std::uint64_t>(j));
    std::vector<double> scores;
    for (const auto j : alive) {
      const auto bits = mixed(of_event + static_cast<std::uint64_t>(j));
      scores.push_back(n_levels_ == 0
                           ? static_cast<double>(bits >> 11) * 0x1p-53 - 0.5
                           : static_cast<double>(bits % n_levels_) - static_cast<double>(n_levels_ / 2));
    }
    return scores;
  }

 private:
  static std::uint64_t mixed(std::uint64_t x) {  // splitmix64
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  std::uint64_t seed_;
  std::uint64_t n_levels_;
};

struct Asked {
  int n_blocks = 0;
  int n_scores = 0;
};

// A head that holds its caller to the contract of DriftingScorer::Head.
class StrictHead : public DriftingScorer::Head {
 public:
  StrictHead(naive::Scores scores, Asked& asked) : scores_(std::move(scores)), asked_(asked) {}

  void start_events(std::span<const std::int64_t> n) override {
    ASSERT_FALSE(n.empty());
    ASSERT_GT(n.front(), next_n_.empty() ? 0 : next_n_.back());
    ASSERT_EQ(std::ranges::adjacent_find(n, std::greater_equal<>()), n.end());
    next_n_.assign(n.begin(), n.end());
    event_tasks_run_ = {};
    asked_.n_blocks += 1;
  }

  std::size_t n_event_tasks() const override { return event_tasks_run_.size(); }
  void run_event_task(std::size_t task) override { ASSERT_EQ(event_tasks_run_.at(task)++, 0); }

  void start_keys(std::span<const std::int32_t> candidates) override {
    ASSERT_EQ(event_tasks_run_, (std::array{1, 1}));
    ASSERT_NE(n_, next_n_);
    n_ = next_n_;
    ASSERT_EQ(std::ranges::adjacent_find(candidates, std::greater_equal<>()), candidates.end());
    ASSERT_TRUE(candidates.empty() || candidates.back() < n_.back());
    candidates_.assign(candidates.begin(), candidates.end());
    key_tasks_run_ = {};
    next_ = 0;
  }

  std::size_t n_key_tasks() const override { return key_tasks_run_.size(); }
  void run_key_task(std::size_t task) override { ASSERT_EQ(key_tasks_run_.at(task)++, 0); }

  void score(std::size_t event, std::span<const std::int32_t> alive, std::span<double> scores) override {
    ASSERT_EQ(key_tasks_run_, (std::array{1, 1, 1}));
    ASSERT_LT(event, n_.size());
    ASSERT_GE(event, next_);
    next_ = event + 1;
    ASSERT_EQ(scores.size(), alive.size());
    ASSERT_EQ(std::ranges::adjacent_find(alive, std::greater_equal<>()), alive.end());
    Positions positions;
    for (const auto a : alive) {
      ASSERT_LT(naive::size(a), candidates_.size());
      positions.push_back(candidates_[naive::size(a)]);
      ASSERT_LT(positions.back(), n_[event]);
    }
    std::ranges::copy(scores_(n_[event], positions), scores.begin());
    asked_.n_scores += 1;
  }

 private:
  naive::Scores scores_;
  Asked& asked_;
  std::vector<std::int64_t> n_, next_n_;
  std::array<int, 2> event_tasks_run_{};
  std::array<int, 3> key_tasks_run_{};
  Positions candidates_;
  std::size_t next_ = 0;
};

Deaths deaths_of(const naive::Shape& shape, std::unique_ptr<DriftingScorer::Head> head) {
  Deaths deaths(naive::size(shape.n_tokens), -77);
  schedule_drifting(shape.policy, shape.n_sink, {shape.n_tokens, shape.chunk_size}, std::move(head), deaths);
  return deaths;
}

Deaths deaths_of(const naive::Shape& shape, naive::Scores scores) {
  Asked asked;
  return deaths_of(shape, std::make_unique<StrictHead>(std::move(scores), asked));
}

// The score of a key falls and rises again with n: (j - n)^2 mod 5.
//   n = 1: budget 1; n = 2: 0: 4, 1: 1, which dies; n = 3: 0: 4, 2: 1, which dies; n = 4: budget 2;
//   n = 5: 0: 0, 3: 4, 4: 1: 0 dies, the best until then.
TEST(ScheduleDrifting, RanksTheAliveByTheScoresOfTheEvent) {
  const auto scores = [](std::int64_t n, const Positions& alive) {
    std::vector<double> of_alive;
    for (const auto j : alive) of_alive.push_back(static_cast<double>((j - n) * (j - n) % 5));
    return of_alive;
  };
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 5, 1}, scores), (Deaths{4, 1, 2, kNever, kNever}));
}

// Events at 2, 4 and 5; beyond a window of 1 they judge 0, then 1 and 2, then 3. The score is the event's n.
TEST(ScheduleDrifting, JudgesAKeyOnceByTheScoreOfThatEvent) {
  const auto scores = [](std::int64_t n, const Positions& alive) {
    return std::vector<double>(alive.size(), static_cast<double>(n));
  };
  EXPECT_EQ(deaths_of({ScoreThreshold{4, 1}, 0, 5, 2}, scores), (Deaths{0, kNever, kNever, kNever, kNever}));
  EXPECT_EQ(deaths_of({ScoreThreshold{4.5, 1}, 0, 5, 2}, scores), (Deaths{0, 1, 1, kNever, kNever}));
  EXPECT_EQ(deaths_of({ScoreThreshold{9, 1}, 2, 5, 2}, scores), (Deaths{kNever, kNever, 1, 2, kNever}));
}

TEST(ScheduleDrifting, KeepsTheEarlierPositionOnATie) {
  const auto equal = [](std::int64_t, const Positions& alive) {
    return std::vector<double>(alive.size(), 7);
  };
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 6, 2}, equal), (Deaths{kNever, 0, kNever, 1, kNever, 2}));
}

TEST(ScheduleDrifting, AsksForNoScoresWhereNothingCanDie) {
  const auto nan = [](std::int64_t, const Positions& alive) {
    return std::vector<double>(alive.size(), std::numeric_limits<double>::quiet_NaN());
  };
  Asked asked;
  const auto head = [&] { return std::make_unique<StrictHead>(nan, asked); };
  const Deaths all_stay(6, kNever);
  EXPECT_EQ(deaths_of({KeepAll{}, 0, 6, 1}, head()), all_stay);
  EXPECT_EQ(deaths_of({RatioBudget{0}, 0, 6, 1}, head()), all_stay);
  EXPECT_EQ(deaths_of({RatioBudget{0.9}, 6, 6, 1}, head()), all_stay);
  EXPECT_EQ(deaths_of({ScoreThreshold{0, 6}, 0, 6, 1}, head()), all_stay);
  EXPECT_EQ(deaths_of({ScoreThreshold{0, 0}, 6, 6, 1}, head()), all_stay);
  EXPECT_EQ(asked.n_blocks, 0);
  EXPECT_EQ(asked.n_scores, 0);
}

TEST(ScheduleDrifting, RefusesANanScore) {
  const auto nan_at_5 = [](std::int64_t n, const Positions& alive) {
    std::vector<double> scores(alive.size(), 1);
    if (n == 5) scores.back() = std::numeric_limits<double>::quiet_NaN();
    return scores;
  };
  EXPECT_THROW(deaths_of({RatioBudget{0.5}, 0, 6, 1}, nan_at_5), std::domain_error);
  EXPECT_THROW(deaths_of({ScoreThreshold{0, 0}, 0, 5, 5}, nan_at_5), std::domain_error);
  EXPECT_NO_THROW(deaths_of({RatioBudget{0.5}, 0, 4, 1}, nan_at_5));
  EXPECT_NO_THROW(deaths_of({RatioBudget{0.5}, 0, 6, 2}, nan_at_5));  // no event at 5
}

// Long enough for blocks that end by their number of events and by their number of tokens.
TEST(ScheduleDrifting, IsTheDefinitionEventByEventForAnyScores) {
  RecordProperty("seed", std::to_string(property_seed()));
  std::mt19937_64 generator(property_seed());
  for (const std::int64_t n_tokens : {1, 2, 3, 127, 128, 129, 130, 1100})
    for (const std::uint64_t n_levels : {0, 1, 3})
      for (const auto& policy : naive::policies(n_tokens, /*typical_score=*/0))
        for (const auto n_sink : naive::sink_counts(n_tokens))
          for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
            if (n_tokens > 1000 && chunk_size < 8 && naive::up_to(generator, 6) > 0) continue;  // slow
            const naive::Shape shape{policy, n_sink, n_tokens, chunk_size};
            SCOPED_TRACE(to_text(shape) + ", levels " + std::to_string(n_levels));
            const AnyScores scores(generator(), n_levels);
            ASSERT_EQ(deaths_of(shape, scores), naive::schedule(shape, scores));
            if (testing::Test::HasFatalFailure()) return;
          }
}

// ---- expected_attention as the head

// docs/semantics.md, section 3, with d x d rotation matrices and double loops.
class NaiveExpectedAttention {
 public:
  using Row = std::vector<double>;
  using Matrix = std::vector<Row>;

  NaiveExpectedAttention(const WholeHead& head, Row frequencies, const ExpectedAttentionFlags& parameters)
      : k_(rows(head.k)), v_(rows(head.v)), frequencies_(std::move(frequencies)), parameters_(parameters) {
    for (std::int64_t g = 0; g < head.raw_q.size(0); ++g) q_.push_back(rows(head.raw_q[g]));
    d_ = k_.front().size();
  }

  // A sink ranks above every score: 0 here, whatever the others.
  std::vector<double> scores(std::int64_t n, const Positions& alive) const {
    std::vector<double> scores(alive.size(), 0);
    Positions body;
    for (const auto j : alive)
      if (j >= parameters_.n_sink) body.push_back(j);
    if (body.empty()) return scores;
    const auto rotation = mean_rotation(n);
    Matrix log_p;
    for (const auto& q : q_) log_p.push_back(log_softmax(logits(q, n, rotation, body)));
    for (std::size_t i = 0; i < body.size(); ++i) {
      auto& score = scores[alive.size() - body.size() + i];
      Row of_heads;
      for (const auto& row : log_p) of_heads.push_back(row[i]);
      score = log_sum_exp(of_heads) - std::log(static_cast<double>(q_.size()));
      if (!parameters_.use_vnorm) continue;
      double squares = 0;
      for (const auto x : v_[naive::size(body[i])]) squares += x * x;
      score += std::log(std::sqrt(squares));
    }
    return scores;
  }

 private:
  static Matrix rows(const at::Tensor& matrix) {
    const auto wide = matrix.to(at::kDouble).contiguous();
    Matrix rows;
    for (std::int64_t i = 0; i < wide.size(0); ++i) {
      const auto* begin = wide.const_data_ptr<double>() + i * wide.size(1);
      rows.emplace_back(begin, begin + wide.size(1));
    }
    return rows;
  }

  static double log_sum_exp(const Row& x) {
    const auto highest = *std::max_element(x.begin(), x.end());
    double sum = 0;
    for (const auto y : x) sum += std::exp(y - highest);
    return highest + std::log(sum);
  }
  static Row log_softmax(Row z) {
    const auto all = log_sum_exp(z);
    for (auto& x : z) x -= all;
    return z;
  }

  Matrix mean_rotation(std::int64_t n) const {
    Matrix mean(d_, Row(d_, 0));
    const auto n_future = parameters_.n_future_positions;
    for (std::int64_t p = n; p < n + n_future; ++p)
      for (std::size_t c = 0; c < d_ / 2; ++c) {
        const auto angle = static_cast<double>(p) * frequencies_[c];
        mean[c][c] += std::cos(angle) / static_cast<double>(n_future);
        mean[c][c + d_ / 2] -= std::sin(angle) / static_cast<double>(n_future);
        mean[c + d_ / 2][c] += std::sin(angle) / static_cast<double>(n_future);
        mean[c + d_ / 2][c + d_ / 2] += std::cos(angle) / static_cast<double>(n_future);
      }
    return mean;
  }

  Row logits(const Matrix& q, std::int64_t n, const Matrix& rotation, const Positions& body) const {
    const auto n_queries = static_cast<double>(n - parameters_.n_sink);
    Row mu(d_, 0);
    for (auto s = parameters_.n_sink; s < n; ++s)
      for (std::size_t a = 0; a < d_; ++a) mu[a] += q[naive::size(s)][a] / n_queries;
    Matrix sigma(d_, Row(d_, 0));
    for (auto s = parameters_.n_sink; s < n; ++s)
      for (std::size_t a = 0; a < d_; ++a)
        for (std::size_t b = 0; b < d_; ++b)
          sigma[a][b] += (q[naive::size(s)][a] - mu[a]) * (q[naive::size(s)][b] - mu[b]) / n_queries;
    Row mu_turned(d_, 0);
    Matrix half_turned(d_, Row(d_, 0)), sigma_turned(d_, Row(d_, 0));
    for (std::size_t a = 0; a < d_; ++a)
      for (std::size_t b = 0; b < d_; ++b) {
        mu_turned[a] += rotation[a][b] * mu[b];
        for (std::size_t c = 0; c < d_; ++c) half_turned[a][b] += rotation[a][c] * sigma[c][b];
      }
    for (std::size_t a = 0; a < d_; ++a)
      for (std::size_t b = 0; b < d_; ++b)
        for (std::size_t c = 0; c < d_; ++c) sigma_turned[a][b] += half_turned[a][c] * rotation[b][c];
    const auto d = static_cast<double>(d_);
    Row z;
    for (const auto j : body) {
      const auto& k = k_[naive::size(j)];
      double linear = 0, quadratic = 0;
      for (std::size_t a = 0; a < d_; ++a) {
        linear += k[a] * mu_turned[a];
        for (std::size_t b = 0; b < d_; ++b) quadratic += k[a] * sigma_turned[a][b] * k[b];
      }
      z.push_back(linear / std::sqrt(d) + (parameters_.use_covariance ? quadratic / (2 * d) : 0));
    }
    return z;
  }

  std::vector<Matrix> q_;
  Matrix k_, v_;
  Row frequencies_;
  ExpectedAttentionFlags parameters_;
  std::size_t d_ = 0;
};

class ExpectedAttentionOfAHead : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  ExpectedAttentionOfAHead() : generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
    std::tie(parameters_.use_covariance, parameters_.use_vnorm) = GetParam();
  }

  at::Tensor draw(std::vector<std::int64_t> shape, at::ScalarType type, double mean = 0, double scale = 1) {
    auto tensor = at::zeros(shape, at::kDouble);
    std::normal_distribution<double> normal(mean, scale);
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      tensor.mutable_data_ptr<double>()[i] = normal(generator_);
    return tensor.to(type);
  }

  struct HeadShape {
    std::int64_t group;
    std::int64_t n_tokens;
    std::int64_t d_head;
    at::ScalarType type = at::kDouble;
    double key_scale = 1;
  };

  WholeHead random_head(const HeadShape& shape) {
    frequencies_.resize(naive::size(shape.d_head / 2));
    for (auto& frequency : frequencies_)
      frequency = std::pow(10, -3 * static_cast<double>(generator_() % 1000) / 1000);
    rope_ = std::make_unique<Rope>(at::tensor(frequencies_, at::kDouble));
    WholeHead head;
    head.raw_q = draw({shape.group, shape.n_tokens, shape.d_head}, shape.type, /*mean=*/0.5);
    head.k = draw({shape.n_tokens, shape.d_head}, shape.type, 0, shape.key_scale);
    head.v = draw({shape.n_tokens, shape.d_head}, shape.type);
    head.rule = {.rope = rope_.get(), .scale = {static_cast<double>(shape.d_head)}};
    return head;
  }

  std::unique_ptr<DriftingScorer::Head> start(const WholeHead& head) {
    scorer_ = make_scorer({"expected_attention", "", RatioBudget{}, parameters_.list()}, {});
    return std::get<std::unique_ptr<DriftingScorer>>(scorer_)->start_head(head);
  }

  NaiveExpectedAttention naive(const WholeHead& head) const { return {head, frequencies_, parameters_}; }

  // Forms of keys that are not float64 are float32.
  static double tolerance(const WholeHead& head) {
    return head.k.scalar_type() == at::kDouble ? 1e-11 : 4e-6;
  }

  static void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                          double tolerance = 1e-11) {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      if (std::isinf(expected[i]))
        EXPECT_EQ(actual[i], expected[i]) << i;
      else
        EXPECT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << i;
    }
  }

  ExpectedAttentionFlags parameters_;
  std::vector<double> frequencies_;
  std::unique_ptr<Rope> rope_;
  Scorer scorer_;
  std::mt19937_64 generator_;
};

INSTANTIATE_TEST_SUITE_P(OnAndOff, ExpectedAttentionOfAHead,
                         testing::Combine(testing::Bool(), testing::Bool()), [](const auto& test) {
                           return std::string(std::get<0>(test.param) ? "Covariance" : "NoCovariance") +
                                  (std::get<1>(test.param) ? "Vnorm" : "NoVnorm");
                         });

// Two blocks of events, some among the sinks, and candidates that are alive or not.
TEST_P(ExpectedAttentionOfAHead, ScoresWhatItIsAskedFor) {
  parameters_.n_sink = 4;
  for (const std::int64_t group : {1, 2, 4, 7})
    for (const std::int64_t n_future : {1, 9, 512})
      for (const auto type : {at::kDouble, at::kFloat, at::kBFloat16}) {
        SCOPED_TRACE("KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()) + ", group " +
                     std::to_string(group) + ", future " + std::to_string(n_future) + ", " +
                     c10::toString(type));
        parameters_.n_future_positions = n_future;
        const auto head = random_head({.group = group, .n_tokens = 12, .d_head = 6, .type = type});
        const auto scores_of_head = start(head);
        const auto expected = naive(head);
        const auto ask = [&](std::size_t event, const std::vector<std::int32_t>& alive) {
          std::vector<double> scores(alive.size(), -77);
          scores_of_head->score(event, alive, scores);
          return scores;
        };
        scores_of_head->start_block(std::vector<std::int64_t>{2, 4, 5, 7},
                                    std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6});
        EXPECT_EQ(ask(0, {0, 1}), (std::vector<double>{0, 0}));
        EXPECT_EQ(ask(1, {0, 1, 3}), (std::vector<double>{0, 0, 0}));
        expect_near(ask(2, {0, 1, 2, 3, 4}), expected.scores(5, {0, 1, 2, 3, 4}), tolerance(head));
        expect_near(ask(3, {0, 3, 4, 6}), expected.scores(7, {0, 3, 4, 6}), tolerance(head));
        scores_of_head->start_block(std::vector<std::int64_t>{12},
                                    std::vector<std::int32_t>{0, 4, 6, 7, 8, 10, 11});
        expect_near(ask(0, {1, 2, 4, 6}), expected.scores(12, {4, 6, 8, 11}), tolerance(head));
        expect_near(ask(0, {0}), {0});
      }
}

// exp(z) would overflow, and the share of most keys underflow.
TEST_P(ExpectedAttentionOfAHead, ScoresKeysOfAnySize) {
  parameters_.n_future_positions = 2;
  const auto head = random_head({.group = 2, .n_tokens = 40, .d_head = 8, .key_scale = 300});
  const auto scores_of_head = start(head);
  std::vector<std::int32_t> all;
  Positions positions;
  for (std::int32_t j = 0; j < 40; ++j) {
    all.push_back(j);
    positions.push_back(j);
  }
  std::vector<double> scores(40);
  scores_of_head->start_block(std::vector<std::int64_t>{40}, all);
  scores_of_head->score(0, all, scores);
  const auto expected = naive(head).scores(40, positions);
  expect_near(scores, expected);
  EXPECT_LT(std::ranges::min(expected), -100);
}

TEST_P(ExpectedAttentionOfAHead, DiesByTheDefinitionEventByEvent) {
  for (const std::int64_t n_tokens : {1, 2, 3, 127, 128, 129, 130, 620})
    for (const auto& policy : naive::policies(n_tokens, /*typical_score=*/-4))
      for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
        const auto is_long = n_tokens > 600;
        if (is_long && (chunk_size < 8 || naive::up_to(generator_, 4) > 0)) continue;  // slow
        if (n_tokens > 3 && chunk_size < 8 && naive::up_to(generator_, 3) > 0) continue;
        const HeadShape head_shape{
            .group = naive::one_of<std::int64_t>(generator_, {1, 2, 4, 7}),
            .n_tokens = n_tokens,
            .d_head = 2 * (1 + naive::up_to(generator_, is_long ? 2 : 4)),
            .type = naive::one_of<at::ScalarType>(generator_, {at::kDouble, at::kFloat})};
        parameters_.n_sink = naive::one_of(generator_, naive::sink_counts(n_tokens));
        parameters_.n_future_positions = naive::one_of<std::int64_t>(generator_, {1, 5, 64});
        const naive::Shape shape{policy, parameters_.n_sink, n_tokens, chunk_size};
        SCOPED_TRACE(to_text(shape) + ", group " + std::to_string(head_shape.group) + ", d_head " +
                     std::to_string(head_shape.d_head));
        const auto head = random_head(head_shape);
        const auto expected = naive(head);
        const auto scores = [&](std::int64_t n, const Positions& alive) { return expected.scores(n, alive); };
        const auto deaths = deaths_of(shape, start(head));
        if (head_shape.type == at::kDouble)
          ASSERT_EQ(deaths, naive::schedule(shape, scores));
        else
          naive::expect_close_calls_only(shape, scores, deaths, /*tolerance=*/2e-4);
        if (HasFatalFailure()) return;
      }
}

// Without a value a key scores minus infinity; of several such the earlier stays.
TEST_P(ExpectedAttentionOfAHead, BreaksTiesOfValuelessKeysByPosition) {
  parameters_.use_vnorm = true;
  auto head = random_head({.group = 2, .n_tokens = 9, .d_head = 4});
  head.v.narrow(0, 2, 5).zero_();
  EXPECT_EQ(deaths_of({RatioBudget{0.4}, 0, 9, 9}, start(head)),  // 5 of 9 stay: 0, 1, 7, 8 and 2
            (Deaths{kNever, kNever, kNever, 0, 0, 0, 0, kNever, kNever}));
}

TEST_P(ExpectedAttentionOfAHead, RefusesANan) {
  auto head = random_head({.group = 2, .n_tokens = 40, .d_head = 4});
  head.k[17] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(deaths_of({RatioBudget{0.5}, 0, 40, 40}, start(head)), std::domain_error);
  head = random_head({.group = 2, .n_tokens = 40, .d_head = 4});
  head.raw_q[1][17] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(deaths_of({RatioBudget{0.5}, 0, 40, 40}, start(head)), std::domain_error);
}

}  // namespace
}  // namespace kvcompare
