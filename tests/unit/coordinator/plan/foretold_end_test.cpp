// How well the end of a run is foretold: the real scheduler and the real estimate, on a virtual clock, with
// seconds that were measured.
#include <cmath>
#include <numeric>
#include <tuple>

#include <gtest/gtest.h>

#include "tests/unit/coordinator/plan/measured_runs.h"
#include "tests/unit/coordinator/plan/scheduling_simulator.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTokensAtOnce = 4096;  // of the tiled engine
constexpr double kTolerance = 0.2;            // of the time that is left
// Seconds: a worker tells how far it is twice a second, and what is shown follows with half a second of
// delay.
constexpr double kFloor = 1;

// Of each worker: a shorter run is over before its pace is known. So some data sets come several times over.
constexpr double kLeastSeconds = 40;

Simulation simulation_of(const MeasuredRun& run, std::size_t n_workers, double told_power) {
  Simulation simulation;
  double once = 0;
  for (const auto& sample : run.samples)
    once += std::accumulate(sample.seconds.begin(), sample.seconds.end(), 0.0);
  const auto n_times =
      static_cast<std::size_t>(std::ceil(kLeastSeconds * static_cast<double>(n_workers) / once));
  for (std::size_t s = 0; s < n_times * run.samples.size(); ++s)
    for (std::size_t m = 0; m < run.methods.size(); ++m) {
      const UnitId unit{SampleIndex(static_cast<std::int64_t>(s)), MethodIndex(static_cast<std::int64_t>(m))};
      const auto& sample = run.samples[s % run.samples.size()];
      const auto n_tokens = sample.n_tokens;
      simulation.units.push_back(
          {.unit = unit,
           .n_tokens = n_tokens,
           .cost =
               predicted_cost(run.model.shape(), n_tokens,
                              {run.methods[m].policy, cost_of(run.methods[m], run.model)}, 1, "layerwise")});
      simulation.work[unit] = sample.seconds[m];
    }
  simulation.workers.assign(n_workers, {.slowness = 1, .n_tokens_at_once = kTokensAtOnce});
  simulation.estimates = true;
  simulation.told_power = told_power;
  return simulation;
}

// Which run, workers, power of the shares that are told.
class ForetoldEnd : public testing::TestWithParam<std::tuple<std::size_t, std::size_t, double>> {
 protected:
  const MeasuredRun& measured() const { return measured_runs().at(std::get<0>(GetParam())); }
  SimulatedRun run() const {
    const auto& [index, n_workers, told_power] = GetParam();
    return simulate(simulation_of(measured(), n_workers, told_power));
  }
};

TEST_P(ForetoldEnd, IsWithinAFifthAfterATenthOfTheRun) {
  const auto done = run();
  double worst = 0, worst_at = 0;
  std::size_t n_checked = 0;
  for (const auto& [time, outlook] : done.shown) {
    const auto left = done.makespan - time;
    if (time < 0.1 * done.makespan || left < 0) continue;
    ASSERT_TRUE(outlook.seconds_left) << "after " << time << " s";
    ++n_checked;
    const auto error = std::abs(*outlook.seconds_left - left);
    EXPECT_LE(error, kTolerance * left + kFloor) << "after " << time << " s of " << done.makespan;
    if (const auto relative = (error - kFloor) / left; relative > worst) {
      worst = relative;
      worst_at = time / done.makespan;
    }
  }
  EXPECT_GT(n_checked, 100u);
  RecordProperty("worst", std::to_string(worst) + " at " + std::to_string(worst_at));
}

// The share of the work is the share of the time.
TEST_P(ForetoldEnd, ShareGrowsSteadily) {
  const auto done = run();
  double before = 0;
  for (const auto& [time, outlook] : done.shown) {
    EXPECT_GE(outlook.share, before);
    before = outlook.share;
    if (time < 0.1 * done.makespan || time > done.makespan) continue;
    EXPECT_NEAR(outlook.share, time / done.makespan, 0.1) << "after " << time << " s of " << done.makespan;
  }
}

INSTANTIATE_TEST_SUITE_P(MeasuredRuns, ForetoldEnd,
                         testing::Combine(testing::Range(std::size_t{0}, measured_runs().size()),
                                          testing::Values(1, 2, 4), testing::Values(0.9, 1.0, 1.1)),
                         [](const auto& one) {
                           return measured_runs()[std::get<0>(one.param)].name + "_" +
                                  std::to_string(std::get<1>(one.param)) + "_workers_told_" +
                                  std::to_string(static_cast<int>(100 * std::get<2>(one.param)));
                         });

}  // namespace
}  // namespace kvcompare
