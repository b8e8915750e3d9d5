#include "worker/gpu/kernels/drifting_schedule_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "presses/registry.h"
#include "presses/schedule/drifting_plan.h"
#include "presses/schedule/schedule_drifting.h"
#include "presses/scorer.h"
#include "tests/unit/presses/schedule/naive_schedule.h"
#include "tests/unit/worker/gpu/kernels/drifting_layer.h"

namespace kvcompare::drifting {
namespace {

static_assert(kStays == kNever);
// Of two scores that rounding may put in either order.
constexpr double kNearTie = 1e-4;

using naive::size;
using Deaths = KernelVector<std::int32_t>;

class DriftingScheduleKernel : public OnRandomLayers {};

// Lengths 5, 0.5, 1e-30 (whose square a float does not hold) and 0.
TEST_F(DriftingScheduleKernel, LogarithmOfNormsOfValues) {
  const Shape shape{1, 1, 2, 0, 4, 1, 0.5};
  Inputs<float> inputs(shape, generator_);
  const std::vector<float> v{3, 4, -0.5, 0, 0, 1e-30F, 0, 0};
  for (std::size_t i = 0; i < v.size(); ++i) inputs.qkv[i / 2 * 6 + 4 + i % 2] = v[i];
  const auto check = [&](auto run, const std::vector<float>& expected) {
    Layer<float> layer(inputs);
    run(layer.start());
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_FLOAT_EQ(layer.buffers().log_vnorm_of_tokens[i], expected[i]) << i;
    EXPECT_EQ(layer.buffers().deaths, Deaths(4, kStays));
    EXPECT_EQ(layer.buffers().until, Deaths(4, 4));
    EXPECT_EQ(layer.buffers().positions, Deaths(8, kNoKey));
  };
  const std::vector<float> logs{std::log(5.0F), std::log(0.5F), -30 * std::log(10.0F), -INFINITY};
  check(Kernel(), logs);
  check(Reference(), logs);
  inputs.shape.use_vnorm = false;
  check(Kernel(), {0, 0, 0, 0});
  check(Reference(), {0, 0, 0, 0});
}

// ---- followers of what a kernel decided

// Scores of the alive positions of the n-th event of the plan; those of sinks are not looked at.
using ScoresOfEvent = std::function<Row(std::int64_t event, const Positions& alive)>;

struct Followed {
  std::int64_t n_events = 0;
  std::int64_t n_near_ties = 0;  // events at which the last to go and the first to stay are all but equal
};

// Goes with the deaths of one head from event to event and asks who had to go. By how much a near tie may be
// decided the other way: tolerance.
Followed follow(const Shape& shape, const DriftingPlan& plan, const std::int32_t* deaths,
                const ScoresOfEvent& scores_of, double tolerance = kNearTie) {
  Followed followed;
  for (std::int64_t i = 0; i < std::ssize(plan.events); ++i) {
    Positions alive;
    for (std::int64_t j = 0; j < plan.n[size(i)]; ++j)
      if (deaths[j] >= plan.events[size(i)]) alive.push_back(j);
    const auto scores = scores_of(i, alive);
    double highest_gone = -INFINITY, lowest_kept = INFINITY;
    std::int64_t n_gone = 0;
    for (std::size_t a = 0; a < alive.size(); ++a) {
      const bool goes = deaths[alive[a]] == plan.events[size(i)];
      if (alive[a] < shape.n_sink) {
        EXPECT_FALSE(goes) << "a sink";
        continue;
      }
      n_gone += goes;
      if (goes) highest_gone = std::max(highest_gone, scores[a]);
      if (!goes) lowest_kept = std::min(lowest_kept, scores[a]);
    }
    EXPECT_EQ(n_gone, plan.first_eviction[size(i + 1)] - plan.first_eviction[size(i)]);
    EXPECT_LE(highest_gone, lowest_kept + tolerance) << "event " << plan.events[size(i)];
    followed.n_events += 1;
    followed.n_near_ties += std::abs(highest_gone - lowest_kept) < kNearTie;
    if (testing::Test::HasFailure()) break;
  }
  return followed;
}

// Until as docs/semantics.md has it, and deaths at events of the plan only.
void expect_consistent(const Shape& shape, const DriftingPlan& plan, const Buffers& b) {
  for (std::size_t i = 0; i < b.deaths.size(); ++i) {
    ASSERT_EQ(b.until[i], shape.chunking().sees_until(b.deaths[i]));
    ASSERT_TRUE(b.deaths[i] == kStays || std::ranges::binary_search(plan.events, b.deaths[i]));
  }
}

// ---- evictions, with any z

// A z of a query head for a key at an event; what is asked for has been born.
using AnyZ = std::function<float(std::int64_t head, std::int64_t event, std::int64_t position)>;

// At the places of keys that are not yet born it is what z says, at those without a key it is NaN.
struct ZOfPositions {
  AnyZ z_of;
  std::int64_t n_heads;

  void operator()(Layer<float>& layer, const DriftingBlock& block) const {
    auto& b = layer.buffers();
    const auto n_kv_heads = std::ssize(b.positions) / layer.plan().capacity(), group = n_heads / n_kv_heads;
    for (std::int64_t h = 0, i = 0; h < n_kv_heads; ++h)
      for (std::int64_t e = 0; e < block.n_events; ++e)
        for (std::int64_t g = 0; g < group; ++g)
          for (std::int64_t place = 0; place < block.n_places; ++place, ++i)
            if (const auto j = b.positions[size(h * layer.plan().capacity() + place)]; j != kNoKey)
              b.z[size(i)] = z_of(h * group + g, block.first_event + e, j);
  }
};

double log_sum_exp(const Row& x) {
  const auto highest = *std::ranges::max_element(x);
  double sum = 0;
  for (const auto y : x) sum += std::exp(y - highest);
  return highest + std::log(sum);
}

// docs/semantics.md's score from z.
Row scores_by_definition(const Inputs<float>& in, std::int64_t kv_head, std::int64_t event,
                         const Positions& alive, const AnyZ& z_of) {
  const auto group = in.shape.group();
  Row scores(alive.size(), 0);
  std::vector<Row> log_p(alive.size());
  for (std::int64_t g = 0; g < group; ++g) {
    Row z;
    for (const auto j : alive)
      if (j >= in.shape.n_sink) z.push_back(z_of(kv_head * group + g, event, j));
    const auto all = log_sum_exp(z);
    for (std::size_t a = 0, i = 0; a < alive.size(); ++a)
      if (alive[a] >= in.shape.n_sink) log_p[a].push_back(z[i++] - all);
  }
  for (std::size_t a = 0; a < alive.size(); ++a) {
    if (alive[a] < in.shape.n_sink) continue;
    double squares = 0;
    const auto* v = in.v() + alive[a] * in.qkv_stride() + kv_head * in.shape.d_head;
    for (std::int64_t c = 0; c < in.shape.d_head; ++c) squares += static_cast<double>(v[c]) * v[c];
    scores[a] = log_sum_exp(log_p[a]) - std::log(static_cast<double>(group)) +
                (in.shape.use_vnorm ? std::log(std::sqrt(squares)) : 0);
  }
  return scores;
}

std::vector<Shape> shapes_of_evictions() {
  std::vector<Shape> shapes;
  for (const std::int64_t group : {1, 2, 4, 7})
    for (const std::int64_t chunk_size : {1, 2, 3, 8, 64})
      shapes.push_back({group, 1, 2, group % 4, 40 + 30 * group, chunk_size, 0.5, false, chunk_size != 3});
  shapes.push_back({6, 3, 2, 1, 200, 1, 0.7, false});
  shapes.push_back({2, 1, 2, 4, 500, 2, 0.2, false});  // several warps
  shapes.push_back({1, 1, 2, 0, 90, 100, 0.99, false});
  return shapes;
}

TEST_F(DriftingScheduleKernel, TheLowestScoresGo) {
  std::int64_t n_cases = 0, n_exact = 0;
  for (const auto& shape : shapes_of_evictions())
    for (const float scale : {1.0F, 40.0F}) {
      SCOPED_TRACE(to_text(shape) + ", scale " + std::to_string(scale));
      const Inputs<float> inputs(shape, generator_);
      std::normal_distribution<float> normal(0, scale);
      Layer<float> kernel(inputs), reference(inputs);
      std::vector<float> numbers(kernel.plan().events.size() * size(shape.n_heads * shape.n_tokens));
      for (auto& number : numbers) number = normal(generator_);
      const AnyZ z_of = [&](std::int64_t head, std::int64_t event, std::int64_t position) {
        return numbers[size((event * shape.n_heads + head) * shape.n_tokens + position)];
      };
      run_kernels(kernel, inputs, ZOfPositions{z_of, shape.n_heads});
      reference.run(Reference(), ZOfPositions{z_of, shape.n_heads});
      bool has_near_tie = false;
      for (auto* layer : {&kernel, &reference}) {
        expect_consistent(shape, layer->plan(), layer->buffers());
        for (std::int64_t h = 0; h < shape.n_kv_heads; ++h) {
          const auto followed =
              follow(shape, layer->plan(), layer->buffers().deaths.data() + h * shape.n_tokens,
                     [&](std::int64_t event, const Positions& alive) {
                       return scores_by_definition(inputs, h, event, alive, z_of);
                     });
          has_near_tie = has_near_tie || followed.n_near_ties > 0;
        }
      }
      ASSERT_FALSE(testing::Test::HasFailure());
      EXPECT_EQ(kernel.buffers().status[0], 0);
      n_cases += 1;
      if (has_near_tie) continue;
      n_exact += 1;
      EXPECT_EQ(kernel.buffers().deaths, reference.buffers().deaths);
      EXPECT_EQ(kernel.buffers().evicted, reference.buffers().evicted);
      EXPECT_EQ(kernel.buffers().positions, reference.buffers().positions);
    }
  EXPECT_GE(10 * n_exact, 7 * n_cases) << n_exact << " of " << n_cases << " cases are without a near tie";
}

// Over several blocks, so that later positions have taken lower places; over all event sizes.
TEST_F(DriftingScheduleKernel, TheEarlierPositionStaysOnATie) {
  for (const std::int64_t chunk_size : {1, 2, 3, 64}) {
    const Shape shape{4, 2, 2, 3, 300, chunk_size, 0.5, false, /*use_vnorm=*/false};
    SCOPED_TRACE(to_text(shape));
    const Inputs<float> inputs(shape, generator_);
    const auto equal = [](std::int64_t, std::int64_t, std::int64_t) { return 2.5F; };
    const naive::Shape naive_shape{RatioBudget{shape.ratio}, shape.n_sink, shape.n_tokens, chunk_size};
    const auto of_head = naive::schedule(
        naive_shape, [](std::int64_t, const Positions& alive) { return Row(alive.size(), 1); });
    auto expected = kernel_copy(of_head);
    expected.insert(expected.end(), of_head.begin(), of_head.end());
    Layer<float> kernel(inputs), reference(inputs);
    run_kernels(kernel, inputs, ZOfPositions{equal, shape.n_heads});
    EXPECT_EQ(kernel.buffers().deaths, expected);
    EXPECT_EQ(reference.run(Reference(), ZOfPositions{equal, shape.n_heads}).deaths, expected);
  }
}

// Keys 0 and 1: 1 goes. After 4 tokens keys 0, 2 and 3 have the shares 0.6, 0.3, 0.1 of one head and 0.1,
// 0.3, 0.6 of the other, so that 2 goes; but where the first head's sum still had the dead key in it, 0 would
// go.
TEST_F(DriftingScheduleKernel, ADeadKeyLeavesNothingInTheSoftmax) {
  const Shape shape{2, 1, 2, 0, 4, 2, 0.5, false, false};
  const Inputs<float> inputs(shape, generator_);
  for (const float z_of_dead : {300.0F, 90.0F, 30.0F, 8.0F, 5.0F, 1.0F}) {
    const AnyZ z_of = [&](std::int64_t head, std::int64_t event, std::int64_t position) {
      if (position == 1) return event == 0 ? -1.0F : head == 0 ? z_of_dead : 0.5F;
      const std::vector<float> shares{0.6F, 0, 0.3F, 0.1F};
      return event == 0 ? 1.0F : std::log(shares[size(head == 0 || position == 2 ? position : 3 - position)]);
    };
    const auto check = [&](const Buffers& b) {
      EXPECT_EQ(b.deaths, (Deaths{kStays, 0, 1, kStays})) << z_of_dead;
      EXPECT_EQ(b.until, (Deaths{4, 2, 4, 4})) << z_of_dead;
      EXPECT_EQ(b.status[0], 0) << z_of_dead;
    };
    Layer<float> kernel(inputs), reference(inputs);
    run_kernels(kernel, inputs, ZOfPositions{z_of, shape.n_heads});
    check(kernel.buffers());
    check(reference.run(Reference(), ZOfPositions{z_of, shape.n_heads}));
  }
}

// The scores of such keys are -infinity: they go first, the latest of them first of all.
TEST_F(DriftingScheduleKernel, AKeyWithoutAValueGoesFirst) {
  const Shape shape{2, 1, 2, 0, 8, 8, 0.5, false, true};  // one event, which evicts 4 keys
  Inputs<float> inputs(shape, generator_);
  for (const std::size_t j : {0, 1, 3, 4, 6})
    for (std::size_t c = 0; c < 2; ++c) inputs.qkv[j * size(inputs.qkv_stride()) + 6 + c] = 0;
  const auto high_if_early = [](std::int64_t, std::int64_t, std::int64_t position) {
    return -static_cast<float>(position);
  };
  const Deaths expected{kStays, 0, kStays, 0, 0, kStays, 0, kStays};
  Layer<float> kernel(inputs), reference(inputs);
  run_kernels(kernel, inputs, ZOfPositions{high_if_early, shape.n_heads});
  EXPECT_EQ(kernel.buffers().deaths, expected);
  EXPECT_EQ(kernel.buffers().status[0], 0);
  EXPECT_EQ(reference.run(Reference(), ZOfPositions{high_if_early, shape.n_heads}).deaths, expected);
}

// The bits of a NaN that CUDA makes, another, and its negative.
TEST_F(DriftingScheduleKernel, TellsOfANanOfAnAliveKeyAndOfNoOther) {
  const Shape shape{2, 1, 2, 0, 12, 2, 0.5, false, false};  // at event e e + 2 keys, of which one goes
  const Inputs<float> inputs(shape, generator_);
  const auto run = [&](const AnyZ& z_of) {
    Layer<float> kernel(inputs), reference(inputs);
    run_kernels(kernel, inputs, ZOfPositions{z_of, shape.n_heads});
    expect_consistent(shape, kernel.plan(), kernel.buffers());
    EXPECT_EQ(std::ranges::count(kernel.buffers().deaths, kStays), 6);
    EXPECT_EQ(kernel.buffers().status, reference.run(Reference(), ZOfPositions{z_of, shape.n_heads}).status);
    return kernel.buffers().status[0];
  };
  // By the position alone key 1 goes at event 0, 2 at 1, 3 at 2: so z for the others grows with the position.
  const auto z_of = [](std::int64_t position) {
    return position == 0 ? 100.0F : static_cast<float>(position);
  };
  for (const std::uint32_t bits : {0x7fffffffU, 0x7fc00000U, 0xffffffffU}) {
    const auto nan = std::bit_cast<float>(bits);
    const auto with_nan = [&](std::int64_t head, std::int64_t event, std::int64_t position) {
      return run([=](std::int64_t h, std::int64_t e, std::int64_t j) {
        return h == head && e == event && j == position ? nan : z_of(j);
      });
    };
    EXPECT_EQ(with_nan(0, 0, 0), kNanScore);
    EXPECT_EQ(with_nan(1, 5, 11), kNanScore);
    EXPECT_EQ(with_nan(1, 3, 0), kNanScore);
    EXPECT_EQ(with_nan(1, 3, 8), 0) << "not yet born";
    EXPECT_EQ(with_nan(0, 3, 2), 0) << "dead";
    EXPECT_EQ(run([=](std::int64_t, std::int64_t, std::int64_t) { return nan; }), kNanScore);
  }
}

// The value alone, so that the other keys have scores: the key goes first.
TEST_F(DriftingScheduleKernel, TellsOfANanOfAValue) {
  const Shape shape{2, 1, 2, 0, 8, 8, 0.5, false, true};  // one event, which evicts 4 keys
  Inputs<float> inputs(shape, generator_);
  for (std::size_t j = 0; j < 8; ++j)
    for (std::size_t c = 0; c < 2; ++c)
      inputs.qkv[j * size(inputs.qkv_stride()) + 6 + c] = j == 1 ? kNan : static_cast<float>(j + 1);
  const auto equal = [](std::int64_t, std::int64_t, std::int64_t) { return 1.0F; };
  Layer<float> kernel(inputs), reference(inputs);
  run_kernels(kernel, inputs, ZOfPositions{equal, shape.n_heads});
  for (const auto& b : {kernel.buffers(), reference.run(Reference(), ZOfPositions{equal, shape.n_heads})}) {
    EXPECT_EQ(b.status[0], kNanScore);
    EXPECT_EQ(b.deaths, (Deaths{0, 0, 0, 0, kStays, kStays, kStays, kStays}));
    EXPECT_EQ(b.evicted, (Deaths{1, 0, 2, 3}));
  }
}

// ---- the whole of it against presses

// The scores of presses for what the kernels left alive; asked for event by event, in order.
class ScoresOfPresses {
 public:
  ScoresOfPresses(DriftingScorer::Head& head, const DriftingPlan& plan) : head_(head), plan_(plan) {}

  Row operator()(std::int64_t event, const Positions& alive) {
    if (const auto& next = plan_.blocks[n_begun_]; event == next.first_event) {
      candidates_.assign(alive.begin(), alive.end());
      for (auto j = plan_.n[size(event)]; j < next.n_after; ++j) candidates_.push_back(j);
      const auto first = plan_.n.begin() + event;
      head_.start_block(std::vector<std::int64_t>(first, first + next.n_events), candidates_);
      first_event_ = event;
      n_begun_ += n_begun_ + 1 < plan_.blocks.size();
    }
    std::vector<std::int32_t> indices;
    for (const auto j : alive)
      indices.push_back(
          static_cast<std::int32_t>(std::ranges::lower_bound(candidates_, j) - candidates_.begin()));
    Row scores(alive.size());
    head_.score(size(event - first_event_), indices, scores);
    return scores;
  }

 private:
  DriftingScorer::Head& head_;
  const DriftingPlan& plan_;
  std::size_t n_begun_ = 0;
  std::int64_t first_event_ = 0;
  std::vector<std::int32_t> candidates_;  // of the block, positions
};

std::unique_ptr<DriftingScorer::Head> start_head(const auto& inputs, std::int64_t kv_head) {
  const auto scorer =
      make_scorer({"expected_attention", "", RatioBudget{}, inputs.shape.parameters().list()}, {});
  return std::get<std::unique_ptr<DriftingScorer>>(scorer)->start_head(inputs.whole_head(kv_head));
}

template <class T>
std::vector<DeathTime> deaths_of_presses(const Inputs<T>& inputs, std::int64_t kv_head) {
  const auto& shape = inputs.shape;
  std::vector<DeathTime> deaths(size(shape.n_tokens));
  schedule_drifting(shape.policy(), shape.n_sink, shape.chunking(), start_head(inputs, kv_head), deaths);
  return deaths;
}

// Counts of events and keys over heads and shapes.
struct Agreement {
  std::int64_t n_events = 0, n_near_ties = 0, n_heads = 0, n_exact_heads = 0, n_keys = 0, n_other_deaths = 0;
};

template <class T>
void expect_presses_deaths(const Inputs<T>& inputs, const Layer<T>& layer, const Buffers& b, double tolerance,
                           Agreement& agreement) {
  const auto& shape = inputs.shape;
  expect_consistent(shape, layer.plan(), b);
  EXPECT_EQ(b.status[0], 0);
  for (std::int64_t h = 0; h < shape.n_kv_heads; ++h) {
    const auto* deaths = b.deaths.data() + h * shape.n_tokens;
    const auto head = start_head(inputs, h);
    const auto followed =
        follow(shape, layer.plan(), deaths, ScoresOfPresses(*head, layer.plan()), tolerance);
    const auto expected = deaths_of_presses(inputs, h);
    if (followed.n_near_ties == 0 && tolerance == kNearTie) {
      EXPECT_EQ(std::vector<DeathTime>(deaths, deaths + shape.n_tokens), expected) << "head " << h;
    }
    agreement.n_events += followed.n_events;
    agreement.n_near_ties += followed.n_near_ties;
    agreement.n_heads += 1;
    agreement.n_exact_heads += std::ranges::equal(expected, std::span(deaths, expected.size()));
    agreement.n_keys += shape.n_tokens;
    for (std::size_t j = 0; j < expected.size(); ++j) agreement.n_other_deaths += deaths[j] != expected[j];
  }
}

std::vector<Shape> shapes_of_layers() {
  return {
      {1, 1, 8, 0, 90, 1, 0.5},
      {2, 1, 8, 4, 330, 1, 0.5},
      {2, 1, 8, 1, 300, 1, 0.3, true, true, /*key_scale=*/8},
      {4, 2, 16, 1, 120, 2, 0.3, true, false},
      {8, 2, 16, 2, 120, 3, 0.7},
      {7, 1, 8, 3, 100, 8, 0.5},
      {4, 1, 64, 4, 130, 64, 0.5},
      {4, 2, 64, 4, 200, 1, 0.6, false},
      {4, 2, 80, 2, 60, 2, 0.5, false, false},
      {2, 1, 128, 4, 60, 1, 0.5},
      {2, 1, 8, 2, 50, 64, 0.5},
      {2, 2, 8, 4, 700, 8, 0.2},
      {1, 1, 8, 4, 100, 1, 0.99},
      {2, 1, 8, 4, 4, 1, 0.5},
      {2, 1, 8, 0, 1, 1, 0.5},
  };
}

TEST_F(DriftingScheduleKernel, DeathsAreThoseOfPressesButForNearTies) {
  Agreement agreement;
  const auto check = [&]<class T>(T, const Shape& shape) {
    SCOPED_TRACE(to_text(shape));
    const Inputs<T> inputs(shape, generator_);
    Layer<T> layer(inputs);
    run_kernels(layer, inputs, Product<InFloat>());
    expect_presses_deaths(inputs, layer, layer.buffers(), kNearTie, agreement);
  };
  for (const auto& shape : shapes_of_layers()) {
    check(float(), shape);
    if (shape.n_kv_heads == 1 && shape.d_head == 8) {
      check(c10::Half(), shape);
      check(c10::BFloat16(), shape);
    }
    if (testing::Test::HasFailure()) return;
  }
  RecordProperty("near ties", std::to_string(agreement.n_near_ties) + " of " +
                                  std::to_string(agreement.n_events) + " events");
  RecordProperty("heads with the same deaths",
                 std::to_string(agreement.n_exact_heads) + " of " + std::to_string(agreement.n_heads));
  EXPECT_GT(agreement.n_events, 1000);
  EXPECT_LT(50 * agreement.n_near_ties, agreement.n_events);
}

TEST_F(DriftingScheduleKernel, ReferencesTogetherGiveTheDeathsOfPresses) {
  Agreement agreement;
  for (const auto& shape : shapes_of_layers()) {
    if (shape.d_head > 64) continue;
    SCOPED_TRACE(to_text(shape));
    const Inputs<float> inputs(shape, generator_);
    Layer<float> layer(inputs);
    expect_presses_deaths(inputs, layer, layer.run(Reference(), Product<InFloat>()), kNearTie, agreement);
  }
}

// Goes with the deaths of one head from event to event: of the judged, those die whose score is below the
// threshold, and no other. Returns how many keys were judged, near ties left out.
std::int64_t follow_threshold(const Shape& shape, const DriftingPlan& plan, const std::int32_t* deaths,
                              const ScoresOfEvent& scores_of) {
  std::int64_t n_judged = 0;
  for (std::int64_t i = 0; i < std::ssize(plan.events); ++i) {
    const auto event = plan.events[size(i)];
    Positions alive;
    for (std::int64_t j = 0; j < plan.n[size(i)]; ++j)
      if (deaths[j] >= event) alive.push_back(j);
    const auto scores = scores_of(i, alive);
    const auto n_before = event * shape.chunk_size;
    const auto has_left = [&](std::int64_t j, std::int64_t n) {
      return j >= shape.n_sink && j < n - shape.threshold->sliding_window_size;
    };
    for (std::size_t a = 0; a < alive.size(); ++a) {
      const bool dies = deaths[alive[a]] == event;
      if (!has_left(alive[a], plan.n[size(i)]) || has_left(alive[a], n_before)) {
        EXPECT_FALSE(dies) << "position " << alive[a] << " is not judged at event " << event;
      } else if (std::abs(scores[a] - shape.threshold->threshold) >= kNearTie) {
        EXPECT_EQ(dies, scores[a] < shape.threshold->threshold)
            << "position " << alive[a] << ", event " << event;
        ++n_judged;
      }
    }
    if (testing::Test::HasFailure()) break;
  }
  return n_judged;
}

TEST_F(DriftingScheduleKernel, EvictsWhatIsBelowAThreshold) {
  std::int64_t n_keys = 0, n_judged = 0, n_dead = 0, n_beyond_the_window = 0;
  for (const std::int64_t window : {0, 7, 600})
    for (const std::int64_t chunk_size : {1, 3, 64})
      for (const double threshold : {-7.0, -4.5, 0.5}) {
        Shape shape{4, 2, 8, 3, 150, chunk_size, 0};
        shape.threshold = ScoreThreshold{threshold, window};
        SCOPED_TRACE(to_text(shape));
        const Inputs<float> inputs(shape, generator_);
        Layer<float> layer(inputs), by_reference(inputs);
        run_kernels(layer, inputs, Product<InFloat>());
        by_reference.run(Reference(), Product<InFloat>());
        for (const auto* b : {&layer.buffers(), &by_reference.buffers()}) {
          expect_consistent(shape, layer.plan(), *b);
          EXPECT_EQ(b->status[0], 0);
          for (std::int64_t h = 0; h < shape.n_kv_heads; ++h) {
            const auto* deaths = b->deaths.data() + h * shape.n_tokens;
            const auto head = start_head(inputs, h);
            n_judged += follow_threshold(shape, layer.plan(), deaths, ScoresOfPresses(*head, layer.plan()));
            n_dead +=
                std::count_if(deaths, deaths + shape.n_tokens, [](auto time) { return time != kStays; });
            n_keys += shape.n_tokens;
            n_beyond_the_window += std::max<std::int64_t>(0, shape.n_tokens - window - shape.n_sink);
          }
        }
        if (testing::Test::HasFailure()) return;
      }
  EXPECT_GT(100 * n_judged, 99 * n_beyond_the_window);  // the rest: near ties
  EXPECT_GT(n_dead, n_keys / 10);
  EXPECT_LT(n_dead, n_judged * 9 / 10);
}

// Features and products of bfloat16 models, the latter as tensor cores multiply float: those that go may have
// had a score above the lowest, but by little, and nearly all keys have the same death.
TEST_F(DriftingScheduleKernel, DeathsUnderAProductInTf32) {
  Agreement agreement;
  for (const std::int64_t chunk_size : {1, 8}) {
    const Shape shape{4, 1, 64, 4, 500, chunk_size, 0.5, true, true, /*key_scale=*/4};
    SCOPED_TRACE(to_text(shape));
    const Inputs<c10::BFloat16> inputs(shape, generator_);
    Layer<c10::BFloat16> layer(inputs);
    expect_presses_deaths(inputs, layer, layer.run(Reference(), Product<InTf32>()), /*tolerance=*/2e-2,
                          agreement);
  }
  RecordProperty("other deaths", std::to_string(agreement.n_other_deaths) + " of " +
                                     std::to_string(agreement.n_keys) + " keys");
  EXPECT_LT(20 * agreement.n_other_deaths, agreement.n_keys);
}

}  // namespace
}  // namespace kvcompare::drifting
