// Schedules of a layer as rounds: the same deaths whoever runs the tasks of a round, in whatever order, and
// whatever other heads are in the layer.
#include "presses/rounds.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/zeros.h>

#include "presses/registry.h"
#include "presses/schedule/schedule_drifting.h"
#include "presses/schedule/schedule_observing.h"
#include "tests/property/random_model.h"
#include "tests/support/flags_and_chunks.h"

namespace kvcompare {
namespace {

using Deaths = std::vector<DeathTime>;

void run_backwards(Rounds& rounds) {
  for (; rounds.n_tasks() > 0; rounds.next_round())
    for (auto task = rounds.n_tasks(); task > 0; --task) rounds.run(task - 1);
}

void run_by_threads(Rounds& rounds, int n_threads) {
  for (; rounds.n_tasks() > 0; rounds.next_round()) {
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> threads;
    for (int t = 0; t < n_threads; ++t)
      threads.emplace_back([&] {
        for (auto task = next++; task < rounds.n_tasks(); task = next++) rounds.run(task);
      });
  }
}

TEST(OneRound, RunsEachTaskOnce) {
  std::multiset<std::size_t> run;
  const auto rounds = one_round(3, [&](std::size_t task) { run.insert(task); });
  run_all(*rounds);
  EXPECT_EQ(run, (std::multiset<std::size_t>{0, 1, 2}));
  EXPECT_EQ(rounds->n_tasks(), 0U);
  EXPECT_EQ(one_round(0, [](std::size_t) {})->n_tasks(), 0U);
}

class LayerRounds : public testing::TestWithParam<at::ScalarType> {
 protected:
  LayerRounds()
      : generator_(property_seed()), rope_(at::pow(100.0, at::arange(0, kHeadDim, 2, at::kDouble) / -8.0)) {
    at::set_num_threads(1);
    RecordProperty("seed", std::to_string(property_seed()));
    for (int h = 0; h < 3; ++h)
      heads_.push_back({.raw_q = draw({2, kTokens, kHeadDim}),
                        .q = draw({2, kTokens, kHeadDim}),
                        .k = draw({kTokens, kHeadDim}),
                        .v = draw({kTokens, kHeadDim}),
                        .rule = {.rope = &rope_, .scale = {kHeadDim}}});
  }

  at::Tensor draw(std::vector<std::int64_t> shape) {
    auto tensor = at::zeros(shape, at::kDouble);
    std::normal_distribution<double> normal;
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      tensor.mutable_data_ptr<double>()[i] = normal(generator_);
    return tensor.to(GetParam());
  }

  Scorer scorer(const char* name) const {
    return make_scorer(make_method_spec(*find_method(name), FlagsAndChunks()), {});
  }

  std::unique_ptr<Rounds> drifting(const DriftingScorer& scorer, std::vector<Deaths>& deaths) const {
    std::vector<DriftingHead> heads;
    for (std::size_t h = 0; h < heads_.size(); ++h)
      heads.push_back({[&, h] { return scorer.start_head(heads_[h]); }, deaths[h]});
    return drifting_rounds(RatioBudget{0.5}, 4, {kTokens, 1}, std::move(heads));
  }

  std::unique_ptr<Rounds> observing(const ObservingScorer& scorer, std::vector<Deaths>& deaths) const {
    std::vector<ObservingHead> heads;
    for (std::size_t h = 0; h < heads_.size(); ++h)
      heads.push_back({[&, h] { return heads_[h]; }, deaths[h]});
    return observing_rounds(RatioBudget{0.5}, 0, {kTokens, 1}, scorer, std::move(heads));
  }

  void expect_in_any_order(const std::vector<Deaths>& expected,
                           const std::function<std::unique_ptr<Rounds>(std::vector<Deaths>&)>& start) {
    const std::vector<std::function<void(Rounds&)>> ways{
        [](Rounds& rounds) { run_all(rounds); },
        [](Rounds& rounds) { run_backwards(rounds); },
        [](Rounds& rounds) { run_by_threads(rounds, 2); },
        [](Rounds& rounds) { run_by_threads(rounds, 5); },
    };
    for (std::size_t way = 0; way < ways.size(); ++way) {
      SCOPED_TRACE("way " + std::to_string(way));
      std::vector<Deaths> deaths(expected.size(), Deaths(kTokens, -77));
      const auto rounds = start(deaths);
      ways[way](*rounds);
      EXPECT_EQ(deaths, expected);
    }
  }

  static constexpr std::int64_t kTokens = 400, kHeadDim = 6;
  std::mt19937_64 generator_;
  const Rope rope_;
  std::vector<WholeHead> heads_;
};

INSTANTIATE_TEST_SUITE_P(Precisions, LayerRounds, testing::Values(at::kFloat, at::kDouble, at::kBFloat16),
                         [](const auto& test) { return std::string(c10::toString(test.param)); });

TEST_P(LayerRounds, OfDriftingScoresGiveEachHeadTheDeathsThatItHasAlone) {
  const auto any = scorer("expected_attention");
  const auto& drifting_scorer = *std::get<std::unique_ptr<DriftingScorer>>(any);
  std::vector<Deaths> alone(heads_.size(), Deaths(kTokens));
  for (std::size_t h = 0; h < heads_.size(); ++h)
    schedule_drifting(RatioBudget{0.5}, 4, {kTokens, 1}, drifting_scorer.start_head(heads_[h]), alone[h]);
  expect_in_any_order(alone, [&](auto& deaths) { return drifting(drifting_scorer, deaths); });
}

TEST_P(LayerRounds, OfObservedAttentionGiveEachHeadTheDeathsThatItHasAlone) {
  const auto any = scorer("observed_attention");
  const auto& observing_scorer = *std::get<std::unique_ptr<ObservingScorer>>(any);
  std::vector<Deaths> alone(heads_.size(), Deaths(kTokens));
  for (std::size_t h = 0; h < heads_.size(); ++h)
    schedule_observing(RatioBudget{0.5}, 0, {kTokens, 1}, observing_scorer, heads_[h], alone[h]);
  expect_in_any_order(alone, [&](auto& deaths) { return observing(observing_scorer, deaths); });
}

// One head alone has work for several threads.
TEST_P(LayerRounds, CutAHeadIntoTasks) {
  heads_.resize(1);
  const auto widest = [](Rounds& rounds) {
    std::size_t n = 0;
    for (; rounds.n_tasks() > 0; rounds.next_round()) {
      n = std::max(n, rounds.n_tasks());
      for (std::size_t task = 0; task < rounds.n_tasks(); ++task) rounds.run(task);
    }
    return n;
  };
  std::vector<Deaths> deaths(1, Deaths(kTokens));
  const auto any_drifting = scorer("expected_attention"), any_observing = scorer("observed_attention");
  EXPECT_GE(widest(*drifting(*std::get<std::unique_ptr<DriftingScorer>>(any_drifting), deaths)), 4U);
  EXPECT_GE(widest(*observing(*std::get<std::unique_ptr<ObservingScorer>>(any_observing), deaths)), 2U);
}

}  // namespace
}  // namespace kvcompare
