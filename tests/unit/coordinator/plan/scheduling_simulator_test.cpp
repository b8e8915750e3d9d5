// How well work is shared, on a virtual clock.
#include "tests/unit/coordinator/plan/scheduling_simulator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "coordinator/plan/cost_model.h"
#include "tests/unit/coordinator/plan/measured_runs.h"

namespace kvcompare {
namespace {

// Tokens of the first 24 documents of longdocs (../shared/assets/text), by Qwen2's tokenizer, cut at 8192:
// kvcompare tokenize --tokenizer tokenizers/qwen2 --input text/longdocs.jsonl
constexpr std::int64_t kLengths[] = {634,  2249, 5162, 8192, 744,  2455, 8192, 2168, 7226, 8192, 311,  2530,
                                     8192, 6509, 1465, 7978, 1730, 8192, 1798, 7377, 5659, 2800, 8192, 2928};

// A model of 1M parameters.
const MeasuredModel kModel{.n_layers = 4,
                           .d_model = 128,
                           .n_heads = 4,
                           .n_kv_heads = 2,
                           .head_dim = 32,
                           .intermediate_size = 384,
                           .vocab_size = 1024};

MethodSpec method(const char* name, const EvictionPolicy& policy) { return {name, name, policy, {}}; }

constexpr std::size_t kStreamingLlm = 3;

struct Method {
  MethodSpec spec;
  double seconds;  // for a second of streaming_llm, as measured: docs/performance.md, 9M, T 2048
};

const std::vector<Method> kMethods{{method("baseline", KeepAll{}), 1.2},
                                   {method("kvzap", ScoreThreshold{}), 1.2},
                                   {method("random", RatioBudget{0.5}), 1},
                                   {method("streaming_llm", RatioBudget{0.5}), 1},
                                   {method("expected_attention", RatioBudget{0.5}), 3.87},
                                   {method("observed_attention", RatioBudget{0.5}), 1.62},
                                   {method("knorm", RatioBudget{0.5}), 1}};

// A tenth of a second a unit on average. Seconds are not what the cost model predicts: it takes
// expected_attention of long texts for several times as slow as it is, and every unit differs by some
// percent.
Simulation longdocs(int n_times, std::size_t n_workers, std::uint64_t seed) {
  Simulation simulation{
      .units = {}, .work = {}, .workers = std::vector<SimulatedWorker>(n_workers), .seed = seed};
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> noise(0, 0.05);
  std::int64_t sample = 0;
  for (int time = 0; time < n_times; ++time)
    for (const auto n_tokens : kLengths) {
      for (std::size_t m = 0; m < kMethods.size(); ++m) {
        const UnitId unit{SampleIndex(sample), MethodIndex(static_cast<std::int64_t>(m))};
        const auto predicted = [&](std::size_t i) {
          return predicted_cost(kModel.shape(), {n_tokens, 1},
                                {kMethods[i].spec.policy, cost_of(kMethods[i].spec, kModel)}, "layerwise");
        };
        simulation.units.push_back({.unit = unit, .n_tokens = n_tokens, .cost = predicted(m)});
        simulation.work[unit] = predicted(kStreamingLlm) * kMethods[m].seconds * noise(random);
      }
      ++sample;
    }
  double total = 0;
  for (const auto& [unit, work] : simulation.work) total += work;
  for (auto& [unit, work] : simulation.work)
    work *= 0.1 * static_cast<double>(simulation.units.size()) / total;
  return simulation;
}

double total_work(const Simulation& simulation) {
  return std::accumulate(simulation.work.begin(), simulation.work.end(), 0.0,
                         [](double sum, const auto& entry) { return sum + entry.second; });
}

double longest(const Simulation& simulation) {
  return std::ranges::max_element(simulation.work, {}, [](const auto& e) { return e.second; })->second;
}

// Of the time that all workers together had, the part in which they did what had to be done.
double efficiency(const Simulation& simulation, const SimulatedRun& run) {
  double rate = 0;
  for (const auto& worker : simulation.workers) rate += 1 / worker.slowness;
  return total_work(simulation) / (run.makespan * rate);
}

void expect_all_done_once(const Simulation& simulation, const SimulatedRun& run) {
  EXPECT_EQ(run.n_done.size(), simulation.units.size());
  for (const auto& [unit, n] : run.n_done) EXPECT_EQ(n, 1);
}

class Longdocs : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Longdocs, KeepEightWorkersBusy) {
  const auto simulation = longdocs(1, 8, GetParam());
  ASSERT_EQ(simulation.units.size(), 168u);
  const auto run = simulate(simulation);
  expect_all_done_once(simulation, run);
  RecordProperty("efficiency", std::to_string(efficiency(simulation, run)));
  EXPECT_GE(efficiency(simulation, run), 0.97)
      << "longest unit / share of a worker: " << longest(simulation) / (total_work(simulation) / 8);
}

TEST_P(Longdocs, KeepSixtyFourWorkersBusy) {
  const auto simulation = longdocs(8, 64, GetParam());
  ASSERT_EQ(simulation.units.size(), 1344u);
  const auto run = simulate(simulation);
  expect_all_done_once(simulation, run);
  RecordProperty("efficiency", std::to_string(efficiency(simulation, run)));
  EXPECT_GE(efficiency(simulation, run), 0.95);
}

// Several units at once, as the tiled engine wants them.
TEST_P(Longdocs, KeepEightWorkersBusyThatTakeSeveralUnits) {
  auto simulation = longdocs(1, 8, GetParam());
  for (auto& worker : simulation.workers) worker.n_tokens_at_once = 4096;
  const auto run = simulate(simulation);
  expect_all_done_once(simulation, run);
  EXPECT_GE(efficiency(simulation, run), 0.97);
}

// The slow one of eight takes part, but no unit that the others would have been through with sooner: the run
// is no longer than without it, and uses what it can give.
TEST_P(Longdocs, AreNotHeldUpByAWorkerTenTimesSlower) {
  const auto without = longdocs(1, 7, GetParam());
  auto with = longdocs(1, 8, GetParam());
  for (const std::size_t slow : {0, 3, 7}) {
    for (auto& worker : with.workers) worker.slowness = 1;
    with.workers[slow].slowness = 10;
    const auto run = simulate(with);
    expect_all_done_once(with, run);
    EXPECT_LE(run.makespan, simulate(without).makespan * 1.005) << slow;
    EXPECT_GE(efficiency(with, run), 0.97) << slow;
  }
}

// Three samples a worker, so that in the end workers must share what is left of some samples. Without the
// affinity a worker runs the baseline of a sample again for almost each of six units.
TEST_P(Longdocs, RunFewBaselinesAgainWhereDistributionsAreCompared) {
  for (const std::size_t n_workers : {8, 64})
    for (const std::int64_t n_tokens_at_once : {0, 4096}) {
      auto simulation = longdocs(n_workers == 64 ? 8 : 1, n_workers, GetParam());
      simulation.compares_with_baseline = true;
      for (auto& worker : simulation.workers) worker.n_tokens_at_once = n_tokens_at_once;
      double of_baselines = 0;
      for (const auto& [unit, work] : simulation.work)
        if (unit.method == MethodIndex(0)) of_baselines += work;
      const auto without = simulate(simulation);
      simulation.affinity = Affinity::kOfSamples;
      const auto run = simulate(simulation);
      expect_all_done_once(simulation, run);
      EXPECT_GT(without.baselines_again, 1.5 * of_baselines);
      EXPECT_LT(run.baselines_again, 0.75 * of_baselines);
      EXPECT_LT(run.makespan, without.makespan);
      EXPECT_GE(efficiency(simulation, run), 0.78);
    }
}

// Twelve samples a worker: hardly any baseline is run again.
TEST_P(Longdocs, RunHardlyABaselineAgainWhereSamplesAreMany) {
  auto simulation = longdocs(1, 2, GetParam());
  simulation.compares_with_baseline = true;
  simulation.affinity = Affinity::kOfSamples;
  const auto run = simulate(simulation);
  expect_all_done_once(simulation, run);
  EXPECT_LT(run.baselines_again, 0.01 * total_work(simulation));
  EXPECT_GE(efficiency(simulation, run), 0.97);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Longdocs, testing::Range(std::uint64_t{1}, std::uint64_t{21}));

// Round trips of 10 ms for units of 100 ms: without a unit in hand a tenth of the time would be waited.
TEST(Simulator, WorkersWithTheNextUnitInHandDoNotWaitForMessages) {
  auto simulation = longdocs(8, 8, 1);
  simulation.latency = 0.005;
  const auto run = simulate(simulation);
  for (const auto waited : run.waited) EXPECT_LT(waited, 0.02 * run.makespan);
  EXPECT_GE(efficiency(simulation, run), 0.95);
}

TEST(Simulator, TheFirstUnitOfAWorkerIsAShortOne) {
  const auto simulation = longdocs(8, 8, 1);
  EXPECT_LT(simulate(simulation).longest_first_unit, 0.1 * longest(simulation));
}

// ---- every history is a legal one

Simulation random_simulation(std::mt19937_64& random) {
  const auto below = [&](std::int64_t n) {
    return std::uniform_int_distribution<std::int64_t>(0, n - 1)(random);
  };
  Simulation s;
  const auto n_samples = below(40), n_methods = 1 + below(4);
  for (std::int64_t sample = 0; sample < n_samples; ++sample)
    for (std::int64_t m = 0; m < n_methods; ++m) {
      const UnitId unit{SampleIndex(sample), MethodIndex(m)};
      s.units.push_back({.unit = unit,
                         .n_tokens = 2 + below(1000),
                         .cost = static_cast<double>(1 + below(1000)),
                         .n_failed = static_cast<int>(below(10) == 0 ? below(3) : 0)});
      s.work[unit] = std::uniform_real_distribution(0.0, 1.0)(random);
    }
  std::ranges::shuffle(s.units, random);
  for (std::int64_t w = 0; w <= below(6); ++w)
    s.workers.push_back(
        {.slowness = std::exp2(static_cast<double>(below(5))), .n_tokens_at_once = below(2) * below(3000)});
  s.failing_share = below(3) == 0 ? 0.2 : 0;
  s.stop_at = below(4) == 0 ? std::uniform_real_distribution(0.0, 10.0)(random) : -1;
  s.latency = std::uniform_real_distribution(0.0, 0.1)(random);
  s.seed = random();
  if (below(2) == 0) s.affinity = Affinity::kOfSamples;
  return s;
}

class RandomHistories : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomHistories, AreLegal) {
  std::mt19937_64 random(GetParam());
  for (int i = 0; i < 100; ++i) {
    const auto simulation = random_simulation(random);
    const auto run = simulate(simulation);
    for (const auto n : run.n_stops) ASSERT_EQ(n, 1) << "history " << i;
    ASSERT_LE(run.most_assignments, 2u);
    ASSERT_FALSE(run.assigned_after_stop);
    for (const auto& [unit, n] : run.n_done) ASSERT_EQ(n, 1);
    for (const auto& planned : simulation.units) {
      const auto attempts = run.n_attempts.contains(planned.unit) ? run.n_attempts.at(planned.unit) : 0;
      ASSERT_LE(planned.n_failed + attempts, simulation.max_attempts);
      const bool is_settled =
          run.n_done.contains(planned.unit) || planned.n_failed + attempts == simulation.max_attempts;
      ASSERT_TRUE(is_settled || simulation.stop_at >= 0) << "history " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistories, testing::Range(std::uint64_t{1}, std::uint64_t{11}));

}  // namespace
}  // namespace kvcompare
