// A run on a virtual clock: the real scheduler, imaginary workers.
#pragma once

#include <functional>
#include <map>
#include <random>
#include <vector>

#include "coordinator/plan/run_estimate.h"
#include "coordinator/plan/scheduler.h"

namespace kvcompare {

struct SimulatedWorker {
  double slowness = 1;  // seconds for a second of work
  std::int64_t n_tokens_at_once = 0;
};

struct Simulation {
  std::vector<PlannedUnit> units;
  std::map<UnitId, double> work;  // seconds at slowness 1; what the scheduler does not know
  std::vector<SimulatedWorker> workers;
  double latency = 0.002;    // seconds that a message takes
  double stop_at = -1;       // seconds; never if negative
  double failing_share = 0;  // of the attempts
  // A worker that has not evaluated the baseline of a sample, method 0, runs it before another method's unit.
  bool compares_with_baseline = false;
  Affinity affinity = Affinity::kNone;
  int max_attempts = 3;
  std::uint64_t seed = 1;
  // With an estimate workers report as real ones do: a batch at its end, and twice a second how far it is. A
  // share of time is told as its power of this: engines count operations, not seconds.
  bool estimates = false;
  double told_power = 1;
};

// What was shown at a time.
struct Shown {
  double time = 0;
  Outlook outlook;
};

struct SimulatedRun {
  double makespan = 0;               // seconds, first message to last result
  double work_done = 0;              // seconds at slowness 1, failed attempts not included
  double baselines_again = 0;        // seconds at slowness 1, of baselines that were run before other units
  std::vector<double> waited;        // by worker: seconds between two assignments without one in hand
  std::map<UnitId, int> n_done;      // successes of each unit
  std::map<UnitId, int> n_attempts;  // evaluations begun
  std::vector<int> n_stops;          // by worker
  std::size_t most_assignments = 0;  // that a worker had at once
  bool assigned_after_stop = false;
  std::vector<Shown> shown;       // ten times a second
  double longest_first_unit = 0;  // work of the longest unit that was the first of its worker
};

SimulatedRun simulate(const Simulation& simulation);

}  // namespace kvcompare
