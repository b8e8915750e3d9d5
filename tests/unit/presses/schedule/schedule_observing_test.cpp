#include "presses/schedule/schedule_observing.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "presses/registry.h"
#include "tests/unit/presses/schedule/naive_schedule.h"

namespace kvcompare {
namespace {

using Deaths = std::vector<DeathTime>;
using Positions = std::vector<std::int64_t>;

Deaths deaths_of(const naive::Shape& shape, const WholeHead& head) {
  const auto scorer = make_scorer({"observed_attention", "", shape.policy, {}}, {});
  Deaths deaths(naive::size(shape.n_tokens), -77);
  schedule_observing(shape.policy, shape.n_sink, {shape.n_tokens, shape.chunk_size},
                     *std::get<std::unique_ptr<ObservingScorer>>(scorer), head, deaths);
  return deaths;
}

// docs/semantics.md, section 3: explicit softmax rows under the evicted cache.
class NaiveObservedAttention {
 public:
  explicit NaiveObservedAttention(const WholeHead& head)
      : group_(head.q.size(0)),
        d_(head.q.size(2)),
        window_(head.rule.window.value_or(head.q.size(1))),
        received_(naive::size(head.q.size(1)), 0) {
    for (std::int64_t g = 0; g < group_; ++g) q_.push_back(rows(head.q[g]));
    k_ = rows(head.k);
  }

  // At the event at n; alive: before it. Seen: all keys alive since the event before, and the chunk's own.
  std::vector<double> scores(std::int64_t n, const Positions& alive) {
    for (; n_seen_ < n; ++n_seen_)
      for (const auto& q : q_) add_row(q[naive::size(n_seen_)], alive);
    std::vector<double> scores;
    for (const auto j : alive)
      scores.push_back(received_[naive::size(j)] / static_cast<double>(group_) / static_cast<double>(n - j));
    return scores;
  }

 private:
  using Rows = std::vector<std::vector<double>>;

  static Rows rows(const at::Tensor& matrix) {
    const auto wide = matrix.to(at::kDouble).contiguous();
    Rows rows;
    for (std::int64_t i = 0; i < wide.size(0); ++i) {
      const auto* begin = wide.const_data_ptr<double>() + i * wide.size(1);
      rows.emplace_back(begin, begin + wide.size(1));
    }
    return rows;
  }

  void add_row(const std::vector<double>& q, const Positions& alive) {
    std::vector<double> logits;
    for (const auto j : alive) {
      if (j > n_seen_) break;
      double logit = 0;
      for (std::size_t c = 0; c < q.size(); ++c) logit += q[c] * k_[naive::size(j)][c];
      const bool is_in_window = n_seen_ - j < window_;
      logits.push_back(is_in_window ? logit / std::sqrt(static_cast<double>(d_))
                                    : -std::numeric_limits<double>::infinity());
    }
    const auto highest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const auto logit : logits) sum += std::exp(logit - highest);
    for (std::size_t i = 0; i < logits.size(); ++i)
      received_[naive::size(alive[i])] += std::exp(logits[i] - highest) / sum;
  }

  std::int64_t group_;
  std::int64_t d_;
  std::int64_t window_;
  std::vector<Rows> q_;
  Rows k_;
  std::vector<double> received_;
  std::int64_t n_seen_ = 0;
};

Deaths naive_deaths_of(const naive::Shape& shape, const WholeHead& head) {
  NaiveObservedAttention attention(head);
  return naive::schedule(shape,
                         [&](std::int64_t n, const Positions& alive) { return attention.scores(n, alive); });
}

void expect_close_calls_only(const naive::Shape& shape, const WholeHead& head, const Deaths& deaths) {
  NaiveObservedAttention attention(head);
  naive::expect_close_calls_only(
      shape, [&](std::int64_t n, const Positions& alive) { return attention.scores(n, alive); }, deaths,
      2e-5);
}

WholeHead uniform_head(std::int64_t n_tokens, at::ScalarType type) {
  return {.raw_q = {},
          .q = at::zeros({1, n_tokens, 2}, type),
          .k = at::zeros({n_tokens, 2}, type),
          .v = {},
          .rule = {.scale = {2}}};
}

class ScheduleObserving : public testing::TestWithParam<at::ScalarType> {
 protected:
  ScheduleObserving() : generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
  }

  at::Tensor draw(std::vector<std::int64_t> shape, double scale) {
    auto tensor = at::zeros(shape, at::kDouble);
    std::normal_distribution<double> normal(0, scale);
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      tensor.mutable_data_ptr<double>()[i] = normal(generator_);
    return tensor.to(GetParam());
  }

  WholeHead random_head(std::int64_t group, std::int64_t n_tokens, std::int64_t d_head, double scale) {
    WholeHead head;
    head.q = draw({group, n_tokens, d_head}, scale);
    head.k = draw({n_tokens, d_head}, scale);
    head.rule.scale = {static_cast<double>(d_head)};
    return head;
  }

  std::mt19937_64 generator_;
};

INSTANTIATE_TEST_SUITE_P(Precisions, ScheduleObserving, testing::Values(at::kFloat, at::kDouble),
                         [](const auto& test) {
                           return std::string(test.param == at::kFloat ? "Float" : "Double");
                         });

// Uniform rows, one token a chunk, budgets 1, 1, 1, 2, 2. Received / (n - j):
//   n = 2: 0: 1.5 / 2, 1: 0.5 / 1, which dies; n = 3: 0: 2 / 3, 2: 0.5, which dies; n = 4: 0 and 3 stay;
//   n = 5: 0: (2.5 + 1/3) / 5, 3: (0.5 + 1/3) / 2, 4: 1/3, which dies.
TEST_P(ScheduleObserving, FollowsUniformAttention) {
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 5, 1}, uniform_head(5, GetParam())),
            (Deaths{kNever, 1, 2, kNever, 4}));
}

// The same budgets; a row sees its own key and the one before. Received / (n - j):
//   n = 2: 0: 1.5 / 2, 1: 0.5 / 1, which dies; n = 3: 0: 1.5 / 3, which dies, 2: 1 / 1; n = 4: 2 and 3 stay;
//   n = 5: 2: 1.5 / 3, 3: (0.5 + 0.5) / 2, 4: 0.5 / 1, which is the latest of three equals and dies.
TEST_P(ScheduleObserving, FollowsAttentionWithinAWindow) {
  auto head = uniform_head(5, GetParam());
  head.rule.window = 2;
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 5, 1}, head), (Deaths{2, 1, kNever, kNever, 4}));
}

// The same scores as above judged one token after they came: 0: 1.5 / 2, 1: (0.5 + 1/3) / 2 at n = 3, which
// dies; 2: (1/3 + 1/3) / 2 at n = 4; 3: (1/3 + 1/3) / 2 at n = 5; 4 is not judged.
TEST_P(ScheduleObserving, JudgesByTheAttentionReceivedUntilTheEvent) {
  const auto head = uniform_head(5, GetParam());
  EXPECT_EQ(deaths_of({ScoreThreshold{0.42, 1}, 0, 5, 1}, head), (Deaths{kNever, 2, 3, 4, kNever}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.41, 1}, 0, 5, 1}, head)[1], kNever);
}

// All queries look at key 0 alone, so the others tie at nothing.
TEST_P(ScheduleObserving, KeepsTheEarlierPositionOnATie) {
  auto head = uniform_head(8, GetParam());
  head.q += 1000;
  head.k[0] += 1000;
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 8, 8}, head),
            (Deaths{kNever, kNever, kNever, kNever, 0, 0, 0, 0}));
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 8, 4}, head),
            (Deaths{kNever, kNever, 0, 0, kNever, kNever, 1, 1}));
}

// Rows of head 0: 1 | 1/2 1/2 | 1/3 1/3 1/3; of head 1: 1 | 1/2 1/2 | 0 0 1. Scores: 0: (11/6 + 3/2) / 2 / 3
// = 5/9, 1: (5/6 + 1/2) / 2 / 2 = 1/3, 2: (1/3 + 1) / 2 = 2/3. Head 0 alone would rank 0 first, head 1 alone
// 1 at 1/4.
TEST_P(ScheduleObserving, AveragesOverTheQueryHeads) {
  WholeHead head;
  head.q = at::tensor({0.0, 0.0, 0.0, 900.0, 900.0, 900.0}, at::kDouble).view({2, 3, 1}).to(GetParam());
  head.k = at::tensor({0.0, 0.0, 900.0}, at::kDouble).view({3, 1}).to(GetParam());
  head.rule.scale = {1};
  EXPECT_EQ(deaths_of({RatioBudget{0.34}, 0, 3, 3}, head), (Deaths{0, 0, kNever}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.34, 0}, 0, 3, 3}, head), (Deaths{kNever, 0, kNever}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.32, 0}, 0, 3, 3}, head), (Deaths{kNever, kNever, kNever}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.56, 0}, 0, 3, 3}, head), (Deaths{0, 0, kNever}));
}

TEST_P(ScheduleObserving, EvictsNothingWithoutAPolicy) {
  EXPECT_EQ(deaths_of({KeepAll{}, 0, 3, 1}, uniform_head(3, GetParam())), (Deaths{kNever, kNever, kNever}));
}

TEST_P(ScheduleObserving, RefusesANanScore) {
  for (const std::int64_t n_tokens : {2, 3, 17, 70, 130})
    for (const std::int64_t bad : {std::int64_t{0}, n_tokens / 2, n_tokens - 1}) {
      SCOPED_TRACE(std::to_string(bad) + " of " + std::to_string(n_tokens));
      auto head = random_head(2, n_tokens, 4, 1);
      head.k[bad] = std::numeric_limits<double>::quiet_NaN();
      EXPECT_THROW(deaths_of({RatioBudget{0.5}, 0, n_tokens, n_tokens}, head), std::domain_error);
      EXPECT_THROW(deaths_of({ScoreThreshold{0, 0}, 0, n_tokens, 1}, head), std::domain_error);
      EXPECT_NO_THROW(deaths_of({RatioBudget{0}, 0, n_tokens, 1}, head));
      head = random_head(2, n_tokens, 4, 1);
      head.q[1][bad] = std::numeric_limits<double>::quiet_NaN();
      EXPECT_THROW(deaths_of({RatioBudget{0.5}, 0, n_tokens, n_tokens}, head), std::domain_error);
    }
}

TEST_P(ScheduleObserving, IsTheDefinitionEventByEvent) {
  const auto is_float = GetParam() == at::kFloat;
  for (const std::int64_t n_tokens : {1, 2, 3, 127, 128, 129, 130, 260}) {
    const auto typical_score = n_tokens < 4 ? 0.4 : 0.01;
    for (const auto& policy : naive::policies(n_tokens, typical_score))
      for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
        if (n_tokens > 3 && chunk_size < 8 && naive::up_to(generator_, 3) > 0) continue;  // slow
        const naive::Shape shape{policy, naive::one_of(generator_, naive::sink_counts(n_tokens)), n_tokens,
                                 chunk_size};
        const auto group = naive::one_of<std::int64_t>(generator_, {1, 2, 4, 7});
        const auto d_head = 2 * (1 + naive::up_to(generator_, 4));
        SCOPED_TRACE(to_text(shape) + ", group " + std::to_string(group) + ", d_head " +
                     std::to_string(d_head));
        auto head = random_head(group, n_tokens, d_head, naive::one_of<double>(generator_, {0.5, 1.5, 3}));
        if (naive::up_to(generator_, 2) == 0) head.rule.window = 1 + naive::up_to(generator_, n_tokens);
        SCOPED_TRACE("window " + std::to_string(head.rule.window.value_or(0)));
        const auto deaths = deaths_of(shape, head);
        if (is_float)
          expect_close_calls_only(shape, head, deaths);
        else
          ASSERT_EQ(deaths, naive_deaths_of(shape, head));
        if (HasFatalFailure()) return;
      }
  }
}

// Tensors as an engine has them: a head's rows lie apart in a larger tensor.
TEST_P(ScheduleObserving, ReadsTensorsThatAreNotContiguous) {
  const naive::Shape shape{RatioBudget{0.5}, 0, 70, 2};
  auto head = random_head(2, 70, 4, 1);
  const auto expected = deaths_of(shape, head);
  head.q = head.q.transpose(0, 1).contiguous().transpose(0, 1);
  head.k = head.k.t().contiguous().t();
  EXPECT_EQ(deaths_of(shape, head), expected);
}

}  // namespace
}  // namespace kvcompare
