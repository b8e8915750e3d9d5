// Decides which worker evaluates which unit. It is a pure state machine: events go in, actions come out, and
// it has no clock, messages or tensors.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "coordinator/plan/planned_unit.h"
#include "coordinator/plan/unit_queues.h"

namespace kvcompare {

struct AssignUnits {
  Rank worker;
  std::vector<UnitId> units;  // one or more
  bool alone = false;         // no other unit is in hand, and none is assigned before this one is reported
};
struct StopWorker {
  Rank worker;
};
using SchedulerAction = std::variant<AssignUnits, StopWorker>;

enum class FailureVerdict { kRetry, kQuarantine };

// Whether a worker is faster with the units of a sample of which it has evaluated one.
enum class Affinity { kNone, kOfSamples };

// The longest unit goes first, so that little is left to wait for at the end. A worker holds its next units
// while it evaluates the current ones, so that it never waits for a message. But a worker gets units only if
// this does not make the run longer than leaving them to the other workers would. The time of a unit is taken
// to be
//     seconds = speed of the worker x factor of the method x predicted cost
// Speeds and factors are learned from measured seconds.
//
// If every unit is small compared with the work left for a worker, or if there is only one worker, any order
// ends at the same time. Then the longest samples come first, each under all methods, so that every method is
// soon measured and the end can be predicted.
//
// With an affinity for samples a worker goes on with the units of its sample, most expensive first, and then
// begins one that nobody has begun, with its first unit: the baseline. Only when all samples are begun it
// helps others. So where distributions are compared, a worker seldom lacks the baseline's states, and has to
// run the baseline again.
//
// The first unit of a worker, and the first of a method, is a short one. So a slow worker is recognised
// before it gets a long unit, and a slow method before its long units are left for last.
class Scheduler {
 public:
  Scheduler(std::vector<PlannedUnit> units, int n_workers, int max_attempts,
            Affinity affinity = Affinity::kNone);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Events. The caller calls take_actions() after each.
  void worker_ready(Rank worker, std::int64_t n_tokens_at_once);  // 0: one unit at a time
  void unit_done(Rank worker, UnitId unit, double seconds);
  FailureVerdict unit_failed(Rank worker, UnitId unit);
  void worker_gone(Rank worker);  // after it was stopped; it did not evaluate the units it still had
  void stop();                    // no more units are assigned, and workers are stopped at once

  // Returns the actions that follow from the events so far; each action is returned once. A worker has at
  // most two assignments: the one that it evaluates, and the next. An assignment is one unit, or several with
  // at most n_tokens_at_once tokens in all. A unit that has failed is assigned alone, to another worker if
  // there is one. Units that run alone come last, one by one. A worker is stopped when nothing is left for
  // it.
  std::vector<SchedulerAction> take_actions();

  bool finished() const { return n_gone_ == n_workers_; }  // every worker, even the latest, has come and gone
  std::int64_t n_units() const { return std::ssize(units_); }
  std::int64_t n_settled() const { return n_settled_; }  // evaluated, or given up after the last attempt
  int n_attempts(UnitId unit) const;                     // includes those of earlier runs, and a current one

 private:
  using UnitIndex = UnitQueues::Index;  // into units_

  struct Attempts {
    int n = 0;           // includes those of earlier runs
    Rank failed_on{-1};  // the worker of the last failed attempt
  };

  struct Measured {
    double actual = 0;
    double predicted = 0;
    bool is_tried = false;  // a unit has been assigned in order to measure it
  };

  struct Assignment {
    std::set<UnitIndex> units;  // those not yet reported
    double cost = 0;            // of these units, corrected
  };

  struct Worker {
    std::int64_t n_tokens_at_once = 0;
    Measured measured;  // seconds
    std::deque<Assignment> assignments;
    std::optional<SampleIndex> sample;  // of the unit that it was assigned last
    bool is_stopped = false;
  };

  UnitIndex find(UnitId unit) const;
  const PlannedUnit& planned(UnitIndex unit) const { return units_[static_cast<std::size_t>(unit)]; }
  double factor(MethodIndex method) const;
  double speed(const Worker& worker) const;
  double busy_seconds(const Worker& worker) const;
  double seconds_to_the_end() const;

  void settle_report(Rank worker, UnitIndex unit);
  bool nothing_left() const;
  void assign_waiting(std::vector<SchedulerAction>& actions);
  bool assign_retries(std::vector<SchedulerAction>& actions);
  void assign_alone(std::vector<SchedulerAction>& actions);
  void assign_to(Rank worker, std::vector<SchedulerAction>& actions);
  std::vector<UnitIndex> choose(const Worker& worker);
  UnitIndex next_sample_by_sample(const std::optional<SampleIndex>& sample);
  UnitIndex costliest_for(const std::optional<SampleIndex>& sample, double most_cost);
  UnitIndex first_of_a_method();
  UnitIndex first_for(const Worker& worker, double most_cost);
  bool another_is_sooner(const Worker& worker, UnitIndex unit) const;
  void give(Rank worker, const std::vector<UnitIndex>& units, std::vector<SchedulerAction>& actions);

  std::vector<PlannedUnit> units_;  // ascending by id
  std::vector<Attempts> attempts_;  // of each unit
  UnitQueues waiting_;              // includes neither retries nor units that run alone
  std::vector<Measured> methods_;   // seconds at speed 1; by method
  std::set<SampleIndex> begun_;     // samples of which a unit has been assigned
  std::deque<UnitIndex> retries_;
  std::deque<UnitIndex> alone_;     // units that run alone
  std::map<Rank, Worker> workers_;  // those that have come and not gone
  Measured all_;                    // seconds of all units

  std::int64_t n_settled_ = 0;
  int n_workers_;
  int n_gone_ = 0;
  int max_attempts_;
  Affinity affinity_;
  bool stopped_ = false;
};

}  // namespace kvcompare
