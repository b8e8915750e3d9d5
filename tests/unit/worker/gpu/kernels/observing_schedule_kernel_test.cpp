#include "worker/gpu/kernels/observing_schedule_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/from_blob.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "presses/registry.h"
#include "presses/schedule/observing_plan.h"
#include "presses/schedule/schedule_observing.h"
#include "presses/scorer.h"
#include "tests/kernels/reference/observing_schedule_kernel_reference.h"
#include "tests/support/kernel_run.h"
#include "tests/unit/presses/schedule/naive_schedule.h"
#include "worker/gpu/kernels/fixed_schedule_kernel.h"

namespace kvcompare {
namespace {

constexpr std::size_t kSharedBytes = 99 * 1024;
constexpr double kNearTie = 1e-4;  // relative; far above what float32 can move a score by

using Deaths = KernelVector<std::int32_t>;

// Queries and keys with RoPE as an engine has them: q heads, then KV heads of a token in a row.
struct Layer {
  std::int64_t n_kv_heads = 1;
  std::int64_t group = 1;
  std::int64_t n_tokens = 1;
  std::int64_t d_head = 1;
  KernelVector<float> rotated;

  std::int64_t stride() const { return n_kv_heads * (group + 1) * d_head; }
  float& q(std::int64_t head, std::int64_t token, std::int64_t i = 0) {
    return rotated[naive::size(token * stride() + head * d_head + i)];
  }
  float& k(std::int64_t kv_head, std::int64_t token, std::int64_t i = 0) {
    return q(n_kv_heads * group + kv_head, token, i);
  }
  WholeHead whole_head(std::int64_t kv_head, at::ScalarType type) {
    WholeHead head;
    head.q =
        at::from_blob(&q(kv_head * group, 0), {group, n_tokens, d_head}, {d_head, stride(), 1}, at::kFloat)
            .to(type);
    head.k = at::from_blob(&k(kv_head, 0), {n_tokens, d_head}, {stride(), 1}, at::kFloat).to(type);
    head.rule.scale = {static_cast<double>(d_head)};
    return head;
  }
};

Layer zero_layer(std::int64_t n_kv_heads, std::int64_t group, std::int64_t n_tokens, std::int64_t d_head) {
  Layer layer{n_kv_heads, group, n_tokens, d_head, {}};
  layer.rotated.assign(naive::size(n_tokens * layer.stride()), 0);
  return layer;
}

struct Outcome {
  Deaths deaths, until;
  KernelVector<int> status{0};

  bool operator==(const Outcome&) const = default;
};

// What an engine does about a layer; the product by plain loops.
class Engine {
 public:
  Engine(const naive::Shape& shape, Layer& layer, std::int64_t n_rows, std::size_t most_shared_bytes)
      : shape_(shape),
        layer_(layer),
        plan_(observing_plan(shape.policy, shape.n_sink, {shape.n_tokens, shape.chunk_size}, n_rows)),
        capacity_(plan_.capacity()),
        positions_(naive::size(layer.n_kv_heads * capacity_), -77),
        received_(positions_.size(), -77) {
    task_.n_sink = shape.n_sink;
    task_.most_shared_bytes = most_shared_bytes;
    task_.scale = 1 / std::sqrt(static_cast<float>(layer.d_head));
    if (const auto* threshold = std::get_if<ScoreThreshold>(&shape.policy)) {
      task_.threshold = threshold->threshold;
      task_.sliding_window_size = threshold->sliding_window_size;
    } else {
      first_slot_ = kernel_copy(plan_.slots.first);
      task_.first_slot = first_slot_.data();
    }
  }

  template <class Run>
  Outcome run(Run start) {
    Outcome outcome;
    const auto n = naive::size(layer_.n_kv_heads * shape_.n_tokens);
    outcome.deaths.assign(n, -77);
    outcome.until.assign(n, -77);
    task_.layer = {outcome.deaths.data(), outcome.until.data(), layer_.n_kv_heads, shape_.n_tokens,
                   shape_.chunk_size};
    task_.status = outcome.status.data();
    run_kernel(KeepAllSchedule{task_.layer}, [](const auto& t) { fixed_schedule_kernel(t, nullptr); });
    for (const auto& block : plan_.blocks) run_block(block, start);
    return outcome;
  }

 private:
  template <class Run>
  void run_block(const ObservingBlock& planned, Run start) {
    auto& block = task_.block;
    block = {.n_kv_heads = layer_.n_kv_heads,
             .group = layer_.group,
             .first_row = planned.first_row,
             .n_rows = planned.n_rows,
             .n_old = planned.n_old,
             .n_columns = planned.n_columns,
             .positions = positions_.data(),
             .received = received_.data(),
             .capacity = capacity_};
    task_.n_next = planned.n_next;
    KernelVector<float> rows(naive::size(block.n_kv_heads * block.group * block.n_rows * layer_.d_head)),
        columns(naive::size(block.n_kv_heads * block.n_columns * layer_.d_head));
    start(ObservedOperands<float>{block, layer_.rotated.data(), &layer_.k(0, 0), layer_.stride(),
                                  layer_.d_head, rows.data(), columns.data()});
    const auto n_lines = block.n_kv_heads * block.group * block.n_rows;
    KernelVector<float> logits, weights(naive::size(n_lines * block.n_columns));
    KernelVector<double> sums(naive::size(n_lines));
    logits.reserve(weights.size());
    for (std::int64_t line = 0; line < n_lines; ++line)
      for (std::int64_t c = 0; c < block.n_columns; ++c) {
        double product = 0;
        for (std::int64_t i = 0; i < layer_.d_head; ++i) {
          const auto head = line / (block.group * block.n_rows);
          product += static_cast<double>(rows[naive::size(line * layer_.d_head + i)]) *
                     columns[naive::size((head * block.n_columns + c) * layer_.d_head + i)];
        }
        logits.push_back(static_cast<float>(product));
      }
    task_.logits = logits.data();
    task_.weights = weights.data();
    task_.sums = sums.data();
    start(task_);
  }

  const naive::Shape& shape_;
  Layer& layer_;
  const ObservingPlan plan_;
  const std::int64_t capacity_;
  KernelVector<std::int32_t> first_slot_;
  KernelVector<std::int32_t> positions_;
  KernelVector<double> received_;
  ObservedRows task_;
};

constexpr auto kByKernel = [](const auto& task) {
  run_kernel(task, [](const auto& t) { observing_schedule_kernel(t, nullptr); });
};
constexpr auto kByReference = [](const auto& task) { observing_schedule_kernel_reference(task); };

Outcome by_kernel(const naive::Shape& shape, Layer& layer, std::int64_t n_rows = 64,
                  std::size_t most_shared_bytes = kSharedBytes) {
  const auto outcome = Engine(shape, layer, n_rows, most_shared_bytes).run(kByKernel);
  set_reverse_warps(true);
  EXPECT_EQ(Engine(shape, layer, n_rows, most_shared_bytes).run(kByKernel), outcome)
      << "in another order of warps";
  set_reverse_warps(false);
  return outcome;
}

Outcome by_reference(const naive::Shape& shape, Layer& layer, std::int64_t n_rows = 64) {
  return Engine(shape, layer, n_rows, 0).run(kByReference);
}

Outcome by_presses(const naive::Shape& shape, Layer& layer, at::ScalarType type) {
  const Chunking chunking{shape.n_tokens, shape.chunk_size};
  const auto scorer = make_scorer({"observed_attention", "", shape.policy, {}}, {});
  Outcome outcome;
  for (std::int64_t h = 0; h < layer.n_kv_heads; ++h) {
    std::vector<DeathTime> deaths(naive::size(shape.n_tokens));
    schedule_observing(shape.policy, shape.n_sink, chunking,
                       *std::get<std::unique_ptr<ObservingScorer>>(scorer), layer.whole_head(h, type),
                       deaths);
    for (const auto death : deaths) {
      outcome.deaths.push_back(death);
      outcome.until.push_back(static_cast<std::int32_t>(chunking.sees_until(death)));
    }
  }
  return outcome;
}

Deaths deaths_of(const naive::Shape& shape, Layer& layer) {
  const auto outcome = by_kernel(shape, layer);
  EXPECT_EQ(by_kernel(shape, layer, 64, 0), outcome) << "without copies in shared memory";
  EXPECT_EQ(by_kernel(shape, layer, 2), outcome) << "in blocks of 2 rows";
  EXPECT_EQ(by_reference(shape, layer), outcome);
  EXPECT_EQ(outcome.status[0], 0);
  return outcome.deaths;
}

// Uniform rows, one token a chunk, budgets 1, 1, 1, 2, 2. Received / (n - j):
//   n = 2: 0: 1.5 / 2, 1: 0.5 / 1, which dies; n = 3: 0: 2 / 3, 2: 0.5, which dies; n = 4: 0 and 3 stay;
//   n = 5: 0: (2.5 + 1/3) / 5, 3: (0.5 + 1/3) / 2, 4: 1/3, which dies.
TEST(ObservingScheduleKernel, FollowsUniformAttention) {
  auto layer = zero_layer(1, 1, 5, 1);
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 5, 1}, layer), (Deaths{kStays, 1, 2, kStays, 4}));
  EXPECT_EQ(by_kernel({RatioBudget{0.5}, 0, 5, 1}, layer).until, (Deaths{5, 2, 3, 5, 5}));
}

// The same, though from row 3 on all weight goes to key 1, which is dead: what is left is uniform.
TEST(ObservingScheduleKernel, FollowsARowThatPrefersADeadKey) {
  auto layer = zero_layer(1, 1, 5, 1);
  layer.k(0, 1) = 1;
  for (const float logit : {5.0F, 9.0F, 200.0F, 3e4F}) {
    layer.q(0, 3) = layer.q(0, 4) = logit;
    EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 5, 1}, layer), (Deaths{kStays, 1, 2, kStays, 4})) << logit;
  }
}

// The same scores judged one token after they came: 0: 1.5 / 2, 1: (0.5 + 1/3) / 2 at n = 3, which dies; 2:
// (1/3 + 1/3) / 2 at n = 4; 3: (1/3 + 1/3) / 2 at n = 5; 4 is not judged.
TEST(ObservingScheduleKernel, JudgesByTheAttentionReceivedUntilTheEvent) {
  auto layer = zero_layer(1, 1, 5, 1);
  EXPECT_EQ(deaths_of({ScoreThreshold{0.42, 1}, 0, 5, 1}, layer), (Deaths{kStays, 2, 3, 4, kStays}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.41, 1}, 0, 5, 1}, layer)[1], kStays);
  EXPECT_EQ(deaths_of({ScoreThreshold{0.42, 1}, 2, 5, 1}, layer)[1], kStays);  // a sink
}

// All queries look at key 0 alone, so the others tie at nothing.
TEST(ObservingScheduleKernel, KeepsTheEarlierPositionOnATie) {
  auto layer = zero_layer(1, 1, 8, 1);
  layer.k(0, 0) = 1000;
  for (std::int64_t i = 0; i < 8; ++i) layer.q(0, i) = 1000;
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 8, 8}, layer),
            (Deaths{kStays, kStays, kStays, kStays, 0, 0, 0, 0}));
  EXPECT_EQ(deaths_of({RatioBudget{0.5}, 0, 8, 4}, layer),
            (Deaths{kStays, kStays, 0, 0, kStays, kStays, 1, 1}));
}

// Nobody looks at key 0.
TEST(ObservingScheduleKernel, NeverEvictsASink) {
  auto layer = zero_layer(1, 1, 4, 1);
  layer.k(0, 0) = -50;
  for (std::int64_t i = 0; i < 4; ++i) layer.q(0, i) = 1;
  EXPECT_EQ(deaths_of({RatioBudget{0.75}, 0, 4, 4}, layer), (Deaths{0, kStays, 0, 0}));
  EXPECT_EQ(deaths_of({RatioBudget{0.75}, 1, 4, 4}, layer), (Deaths{kStays, 0, 0, 0}));
}

// Rows of head 0: 1 | 1/2 1/2 | 1/3 1/3 1/3; of head 1: 1 | 1/2 1/2 | 0 0 1. Scores: 0: (11/6 + 3/2) / 2 / 3
// = 5/9, 1: (5/6 + 1/2) / 2 / 2 = 1/3, 2: (1/3 + 1) / 2 = 2/3. Head 0 alone would rank 0 first, head 1 alone
// 1 at 1/4.
TEST(ObservingScheduleKernel, AveragesOverTheQueryHeads) {
  auto layer = zero_layer(1, 2, 3, 1);
  for (std::int64_t i = 0; i < 3; ++i) layer.q(1, i) = 900;
  layer.k(0, 2) = 900;
  EXPECT_EQ(deaths_of({RatioBudget{0.34}, 0, 3, 3}, layer), (Deaths{0, 0, kStays}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.34, 0}, 0, 3, 3}, layer), (Deaths{kStays, 0, kStays}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.32, 0}, 0, 3, 3}, layer), (Deaths{kStays, kStays, kStays}));
  EXPECT_EQ(deaths_of({ScoreThreshold{0.56, 0}, 0, 3, 3}, layer), (Deaths{0, 0, kStays}));
}

// docs/semantics.md, section 3, in double: rows of one KV head under given deaths, or under those that
// follow.
struct Followed {
  Deaths deaths;
  // Of all events: how near the highest score that died, or should not have lived, came to the lowest that
  // lived, or should not have died. 1 is a tie; above it the deaths given are not the definition's.
  double nearest = 0;
};

class NaiveHead {
 public:
  NaiveHead(const naive::Shape& shape, Layer& layer, std::int64_t kv_head)
      : shape_(shape), layer_(layer), kv_head_(kv_head), received_(naive::size(shape.n_tokens), 0) {}

  Followed follow(const std::int32_t* given) {
    Followed followed{Deaths(naive::size(shape_.n_tokens), kStays)};
    std::int32_t e = 0;
    std::int64_t n_previous = 0;
    for (const auto n : naive::ends(shape_.n_tokens, shape_.chunk_size)) {
      std::vector<std::int64_t> alive, dying;
      for (std::int64_t j = 0; j < n; ++j)
        if (followed.deaths[naive::size(j)] == kStays) alive.push_back(j);
      for (auto i = n_previous; i < n; ++i)
        for (std::int64_t a = 0; a < layer_.group; ++a) add_row(i, kv_head_ * layer_.group + a, alive);
      std::vector<double> scores;
      for (const auto j : alive)
        scores.push_back(received_[naive::size(j)] / static_cast<double>(layer_.group) /
                         static_cast<double>(n - j));
      if (given)
        std::ranges::copy_if(alive, std::back_inserter(dying), [&](std::int64_t j) { return given[j] == e; });
      else
        dying = naive::dying(shape_.policy, shape_.n_sink, n_previous, n, alive, scores);
      followed.nearest = std::max(followed.nearest, nearness(n_previous, n, alive, scores, dying));
      for (const auto j : dying) followed.deaths[naive::size(j)] = e;
      n_previous = n;
      ++e;
    }
    return followed;
  }

 private:
  void add_row(std::int64_t i, std::int64_t head, const std::vector<std::int64_t>& alive) {
    std::vector<double> logits;
    for (const auto j : alive) {
      if (j > i) break;
      double logit = 0;
      for (std::int64_t c = 0; c < layer_.d_head; ++c)
        logit += static_cast<double>(layer_.q(head, i, c)) * layer_.k(kv_head_, j, c);
      logits.push_back(logit / std::sqrt(static_cast<double>(layer_.d_head)));
    }
    const auto highest = *std::ranges::max_element(logits);
    double sum = 0;
    for (const auto logit : logits) sum += std::exp(logit - highest);
    for (std::size_t c = 0; c < logits.size(); ++c)
      received_[naive::size(alive[c])] += std::exp(logits[c] - highest) / sum;
  }

  double nearness(std::int64_t n_previous, std::int64_t n, const std::vector<std::int64_t>& alive,
                  const std::vector<double>& scores, const std::vector<std::int64_t>& dying) const {
    const auto* threshold = std::get_if<ScoreThreshold>(&shape_.policy);
    double dead = 0, living = std::numeric_limits<double>::infinity();
    if (threshold) living = dead = threshold->threshold;
    double nearest = 0;
    for (std::size_t c = 0; c < alive.size(); ++c) {
      const bool dies = std::ranges::find(dying, alive[c]) != dying.end();
      if (alive[c] < shape_.n_sink) {
        EXPECT_FALSE(dies) << alive[c];
        continue;
      }
      if (threshold) {
        const auto judged = [&](std::int64_t at) { return alive[c] < at - threshold->sliding_window_size; };
        const bool is_judged = judged(n) && !judged(n_previous);
        EXPECT_TRUE(is_judged || !dies) << alive[c] << " at " << n;
        if (is_judged) nearest = std::max(nearest, dies ? scores[c] / living : dead / scores[c]);
      } else if (dies) {
        dead = std::max(dead, scores[c]);
      } else {
        living = std::min(living, scores[c]);
      }
    }
    if (threshold) return nearest;
    EXPECT_EQ(
        std::ssize(alive) - std::ssize(dying),
        std::min(std::ssize(alive),
                 naive::budget(std::get<RatioBudget>(shape_.policy).compression_ratio, n, shape_.n_sink)));
    return dying.empty() ? 0 : dead / living;
  }

  const naive::Shape& shape_;
  Layer& layer_;
  const std::int64_t kv_head_;
  std::vector<double> received_;
};

class ObservingScheduleKernelProperties : public testing::Test {
 protected:
  ObservingScheduleKernelProperties() : generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
  }
  ~ObservingScheduleKernelProperties() override { set_reverse_warps(false); }

  Layer random_layer(std::int64_t n_kv_heads, std::int64_t group, std::int64_t n_tokens, std::int64_t d_head,
                     float scale) {
    auto layer = zero_layer(n_kv_heads, group, n_tokens, d_head);
    std::normal_distribution<float> normal(0, scale);
    for (auto& element : layer.rotated) element = normal(generator_);
    return layer;
  }

  // Deaths are the definition's but for near-ties; where there are none, all ways to find them agree.
  void check(const naive::Shape& shape, Layer& layer, std::int64_t n_rows, std::size_t shared_bytes) {
    const auto actual = by_kernel(shape, layer, n_rows, shared_bytes);
    const auto reference = by_reference(shape, layer, n_rows);
    const auto in_double = by_presses(shape, layer, at::kDouble),
               in_float = by_presses(shape, layer, at::kFloat);
    ASSERT_EQ(actual.status[0], 0);
    const auto n = shape.n_tokens;
    for (std::int64_t h = 0; h < layer.n_kv_heads; ++h) {
      const auto* deaths = actual.deaths.data() + h * n;
      ASSERT_LT(NaiveHead(shape, layer, h).follow(deaths).nearest, 1 + kNearTie);
      const auto defined = NaiveHead(shape, layer, h).follow(nullptr);
      n_keys_ += n;
      for (std::int64_t j = 0; j < n; ++j) {
        ASSERT_EQ(actual.until[naive::size(h * n + j)],
                  (Chunking{n, shape.chunk_size}.sees_until(deaths[j])));
        n_different_ += deaths[j] != in_double.deaths[naive::size(h * n + j)];
      }
      if (defined.nearest > 1 - kNearTie) continue;
      ++n_clear_;
      const auto of_head = [&](const Outcome& all) {
        return Deaths(all.deaths.begin() + h * n, all.deaths.begin() + (h + 1) * n);
      };
      ASSERT_EQ(of_head(actual), defined.deaths);
      ASSERT_EQ(of_head(reference), defined.deaths);
      ASSERT_EQ(of_head(in_double), defined.deaths);
      ASSERT_EQ(of_head(in_float), defined.deaths);
    }
  }

  std::mt19937_64 generator_;
  std::int64_t n_clear_ = 0;  // heads without near-ties
  std::int64_t n_keys_ = 0;
  std::int64_t n_different_ = 0;  // from presses in float64
};

TEST_F(ObservingScheduleKernelProperties, AreTheDefinitionsButForNearTies) {
  for (const std::int64_t n_tokens : {1, 2, 3, 64, 65, 130})
    for (const auto& policy : naive::policies(n_tokens, n_tokens < 4 ? 0.4 : 0.01))
      for (const auto chunk_size : naive::chunk_sizes(n_tokens)) {
        if (n_tokens > 3 && naive::up_to(generator_, 12) > 0) continue;  // slow
        const naive::Shape shape{policy, naive::one_of<std::int64_t>(generator_, {0, 0, 4, n_tokens + 5}),
                                 n_tokens, chunk_size};
        const auto group = naive::one_of<std::int64_t>(generator_, {1, 2, 4, 7, 9});
        const auto n_rows = naive::one_of<std::int64_t>(generator_, {5, 32, most_observed_rows(group)});
        const auto scale = naive::one_of<float>(generator_, {0.5F, 1.5F, 3.0F});
        const auto shared_bytes = naive::one_of<std::size_t>(generator_, {0, kSharedBytes});
        SCOPED_TRACE(to_text(shape) + ", group " + std::to_string(group) + ", blocks of " +
                     std::to_string(n_rows) + " rows, scale " + std::to_string(scale) + ", shared bytes " +
                     std::to_string(shared_bytes));
        auto layer = random_layer(1 + naive::up_to(generator_, 2), group, n_tokens,
                                  2 * (1 + naive::up_to(generator_, 4)), scale);
        check(shape, layer, n_rows, shared_bytes);
        if (HasFatalFailure()) return;
      }
  RecordProperty("heads_without_near_ties", std::to_string(n_clear_));
  RecordProperty("keys", std::to_string(n_keys_));
  RecordProperty("keys_that_differ_from_float64", std::to_string(n_different_));
  EXPECT_GT(n_clear_, 50);
  EXPECT_LE(n_different_, n_keys_ / 1000);
}

TEST_F(ObservingScheduleKernelProperties, ReportANanThatAnEventRanks) {
  for (const std::int64_t n_tokens : {2, 17, 70})
    for (const std::int64_t bad : {std::int64_t{0}, n_tokens / 2, n_tokens - 1})
      for (const bool in_query : {false, true}) {
        SCOPED_TRACE(std::to_string(bad) + " of " + std::to_string(n_tokens));
        auto layer = random_layer(2, 2, n_tokens, 4, 1);
        (in_query ? layer.q(1, bad) : layer.k(1, bad)) = std::numeric_limits<float>::quiet_NaN();
        for (const auto& shape : {naive::Shape{RatioBudget{0.5}, 0, n_tokens, n_tokens},
                                  {RatioBudget{0.5}, 0, n_tokens, 1},
                                  {ScoreThreshold{0, 0}, 0, n_tokens, 1},
                                  {RatioBudget{0}, 0, n_tokens, 1},
                                  {ScoreThreshold{0, n_tokens}, 0, n_tokens, 1}}) {
          SCOPED_TRACE(to_text(shape));
          int expected = 0;
          try {
            by_presses(shape, layer, at::kFloat);
          } catch (const std::domain_error&) {
            expected = kNanScore;
          }
          EXPECT_EQ(Engine(shape, layer, 64, kSharedBytes).run(kByKernel).status[0], expected);
          EXPECT_EQ(by_reference(shape, layer).status[0], expected);
        }
      }
}

// A block in the middle of a long sample: n_old keys of random positions and weights received.
struct MiddleOfSample {
  std::int64_t n_kv_heads = 2;
  std::int64_t group = 1;
  std::int64_t n_rows = 4;
  std::int64_t n_old = 0;
  std::int64_t n_missing = 0;  // of them no keys, under a threshold
  std::int64_t n_dying = 2;    // at each event, under a ratio
  std::int64_t window = 0;     // none
};

struct State {
  KernelVector<std::int32_t> positions, deaths, until;
  KernelVector<double> received;

  bool operator==(const State&) const = default;
};

class ObservingScheduleKernelMiddle : public ObservingScheduleKernelProperties {
 protected:
  // Draws what `run` works on; all of it for a kernel and a reference alike.
  void draw(const MiddleOfSample& shape, bool by_threshold) {
    shape_ = shape;
    first_row_ = 3 * shape.n_old + 10;
    n_columns_ = (shape.n_old + shape.n_rows + 3) / 4 * 4;
    n_tokens_ = first_row_ + shape.n_rows + 5;
    state_ = {};
    for (std::int64_t h = 0; h < shape.n_kv_heads; ++h) {
      std::vector<std::int32_t> all(naive::size(first_row_)), positions;
      std::iota(all.begin(), all.end(), 0);
      std::ranges::sample(all, std::back_inserter(positions), shape.n_old - shape.n_missing, generator_);
      positions.resize(naive::size(n_columns_), -1);
      state_.positions.insert(state_.positions.end(), positions.begin(), positions.end());
    }
    std::uniform_real_distribution<double> uniform;
    for (const auto position : state_.positions)
      state_.received.push_back(uniform(generator_) * static_cast<double>(n_tokens_ - position) * 1e-3);
    state_.deaths.assign(naive::size(shape.n_kv_heads * n_tokens_), kStays);
    state_.until.assign(state_.deaths.size(), static_cast<std::int32_t>(n_tokens_));
    std::normal_distribution<float> normal;
    logits_.clear();
    const auto n_logits = shape.n_kv_heads * shape.group * shape.n_rows * n_columns_;
    while (std::ssize(logits_) < n_logits) logits_.push_back(normal(generator_));
    by_threshold_ = by_threshold;
    first_slot_.assign(naive::size(n_tokens_) + 1, 0);
    for (std::size_t e = 0; e < naive::size(n_tokens_); ++e)
      first_slot_[e + 1] = first_slot_[e] + static_cast<std::int32_t>(shape.n_dying);
  }

  template <class Run>
  State run(Run start, std::size_t shared_bytes) {
    auto state = state_;
    KernelVector<int> status{0};
    const auto n_lines = shape_.n_kv_heads * shape_.group * shape_.n_rows;
    KernelVector<float> weights(naive::size(n_lines * n_columns_));
    KernelVector<double> sums(naive::size(n_lines));
    ObservedRows task;
    task.block = {shape_.n_kv_heads,      shape_.group,          first_row_,
                  shape_.n_rows,          shape_.n_old,          n_columns_,
                  state.positions.data(), state.received.data(), n_columns_};
    task.layer = {state.deaths.data(), state.until.data(), shape_.n_kv_heads, n_tokens_, 1};
    task.logits = logits_.data();
    task.scale = 0.7F;
    if (shape_.window > 0) task.window = shape_.window;
    task.weights = weights.data();
    task.sums = sums.data();
    n_next_ = shape_.n_old + shape_.n_rows - (by_threshold_ ? 0 : shape_.n_rows * shape_.n_dying);
    task.n_next = n_next_;
    task.first_slot = by_threshold_ ? nullptr : first_slot_.data();
    task.threshold = 0.5e-3;
    task.sliding_window_size = shape_.n_old;  // judges about every third position
    task.status = status.data();
    task.most_shared_bytes = shared_bytes;
    start(task);
    EXPECT_EQ(status[0], 0);
    return state;
  }

  void check(std::size_t shared_bytes) {
    const auto expected = run(kByReference, 0), actual = run(kByKernel, shared_bytes);
    set_reverse_warps(true);
    EXPECT_EQ(run(kByKernel, shared_bytes), actual) << "in another order of warps";
    set_reverse_warps(false);
    ASSERT_EQ(actual.deaths, expected.deaths);
    ASSERT_EQ(actual.until, expected.until);
    for (std::int64_t h = 0; h < shape_.n_kv_heads; ++h)
      for (auto c = h * n_columns_; c < h * n_columns_ + n_next_; ++c) {
        ASSERT_EQ(actual.positions[naive::size(c)], expected.positions[naive::size(c)]) << c;
        const auto received = expected.received[naive::size(c)];
        ASSERT_NEAR(actual.received[naive::size(c)], received, 1e-6 * std::abs(received)) << c;
      }
  }

  MiddleOfSample shape_;
  bool by_threshold_ = false;
  std::int64_t first_row_ = 0, n_columns_ = 0, n_tokens_ = 0, n_next_ = 0;
  State state_;
  KernelVector<float> logits_;
  KernelVector<std::int32_t> first_slot_;
};

// Around what a thread may have in registers, with and without copies in shared memory.
TEST_F(ObservingScheduleKernelMiddle, EndsAsTheReference) {
  for (const auto& shape : {MiddleOfSample{.n_old = 0, .n_dying = 0},
                            {.group = 3, .n_old = 37},
                            {.group = 4, .n_rows = 7, .n_old = 200, .n_dying = 1},
                            {.group = 32, .n_rows = 16, .n_old = 60},
                            {.group = 8, .n_old = 900, .n_dying = 0},
                            {.n_old = 2555},
                            {.n_old = 2560},
                            {.n_old = 4603},
                            {.n_old = 4608},
                            {.n_kv_heads = 1, .group = 2, .n_rows = 6, .n_old = 6000, .n_dying = 3}})
    for (const std::size_t shared_bytes : {std::size_t{0}, kSharedBytes}) {
      SCOPED_TRACE("group " + std::to_string(shape.group) + ", " + std::to_string(shape.n_old) +
                   " old keys, " + std::to_string(shared_bytes) + " bytes");
      draw(shape, false);
      check(shared_bytes);
      if (HasFatalFailure()) return;
    }
}

// Old keys are a third of the positions before the block.
TEST_F(ObservingScheduleKernelMiddle, EndsAsTheReferenceWithinAWindow) {
  for (const auto& shape : {MiddleOfSample{.group = 3, .n_old = 37, .window = 30},
                            {.group = 4, .n_rows = 7, .n_old = 200, .n_dying = 1, .window = 1},
                            {.group = 2, .n_rows = 6, .n_old = 900, .window = 1200},
                            {.n_old = 4608, .window = 5000}}) {
    SCOPED_TRACE(std::to_string(shape.n_old) + " old keys, window " + std::to_string(shape.window));
    draw(shape, false);
    check(kSharedBytes);
    if (HasFatalFailure()) return;
  }
}

TEST_F(ObservingScheduleKernelMiddle, EndsAsTheReferenceUnderAThreshold) {
  for (const auto& shape : {MiddleOfSample{.group = 3, .n_old = 37, .n_missing = 37},
                            {.group = 2, .n_old = 300, .n_missing = 101},
                            {.n_old = 5000, .n_missing = 1}}) {
    SCOPED_TRACE(std::to_string(shape.n_old) + " old keys");
    draw(shape, true);
    check(kSharedBytes);
    if (HasFatalFailure()) return;
  }
}

template <class T>
class ObservedOperandsKernel : public testing::Test {};
using Types = testing::Types<float, c10::Half, c10::BFloat16>;
TYPED_TEST_SUITE(ObservedOperandsKernel, Types);

// Element i of head h of token t is 1000 t + 10 h + i, modulo what T can hold.
TYPED_TEST(ObservedOperandsKernel, GathersQueriesAndKeys) {
  using T = TypeParam;
  const auto element = [](std::int64_t t, std::int64_t h, std::int64_t i) {
    return static_cast<T>(static_cast<float>((100 * t + 10 * h + i) % 251));
  };
  for (const std::int64_t d : {1, 6, 8, 128}) {
    const std::int64_t n_tokens = 9, n_heads = 6, stride = (n_heads + 2) * d;
    KernelVector<T> rotated;
    for (std::int64_t t = 0; t < n_tokens; ++t)
      for (std::int64_t h = 0; h < n_heads + 2; ++h)
        for (std::int64_t i = 0; i < d; ++i) rotated.push_back(element(t, h, i));
    KernelVector<std::int32_t> positions = {0, 4, -1, -77, 1, 2, 3, -77};
    ObservedBlock block{.n_kv_heads = 2,
                        .group = 3,
                        .first_row = 6,
                        .n_rows = 2,
                        .n_old = 3,
                        .n_columns = 8,
                        .positions = positions.data(),
                        .capacity = 4};
    KernelVector<T> rows(naive::size(2 * 3 * 2 * d), T(-1.0F)), columns(naive::size(2 * 8 * d), T(-1.0F));
    ObservedOperands<T> task{block,       rotated.data(), rotated.data() + n_heads * d, stride, d,
                             rows.data(), columns.data()};
    kByKernel(task);
    for (std::int64_t h = 0; h < n_heads; ++h)
      for (std::int64_t r = 0; r < 2; ++r)
        for (std::int64_t i = 0; i < d; ++i)
          ASSERT_EQ(static_cast<float>(rows[naive::size((h * 2 + r) * d + i)]),
                    static_cast<float>(element(6 + r, h, i)));
    const std::int64_t keys[2][8] = {{0, 4, -1, 6, 7, -1, -1, -1}, {1, 2, 3, 6, 7, -1, -1, -1}};
    for (std::int64_t h = 0; h < 2; ++h)
      for (std::int64_t c = 0; c < 8; ++c)
        for (std::int64_t i = 0; i < d; ++i)
          ASSERT_EQ(static_cast<float>(columns[naive::size((h * 8 + c) * d + i)]),
                    keys[h][c] < 0 ? 0 : static_cast<float>(element(keys[h][c], n_heads + h, i)));
    auto by_reference = std::pair(KernelVector<T>(rows.size()), KernelVector<T>(columns.size()));
    task.rows = by_reference.first.data();
    task.columns = by_reference.second.data();
    observing_schedule_kernel_reference(task);
    EXPECT_EQ(std::memcmp(rows.data(), by_reference.first.data(), rows.size() * sizeof(T)), 0);
    EXPECT_EQ(std::memcmp(columns.data(), by_reference.second.data(), columns.size() * sizeof(T)), 0);
  }
}

}  // namespace
}  // namespace kvcompare
