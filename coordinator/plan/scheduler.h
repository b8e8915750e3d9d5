// Who evaluates what: a pure state machine, events in, actions out; no clock, no messages, no tensors.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
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
};
struct StopWorker {
  Rank worker;
};
using SchedulerAction = std::variant<AssignUnits, StopWorker>;

enum class FailureVerdict { kRetry, kQuarantine };

// Longest unit first, so that what is left at the end is small. A worker has the next units in hand while it
// evaluates, so that it never waits for a message; but neither that, nor how slow it is, may make the run
// longer than leaving them to the others would. How long a unit takes is
//     seconds = speed of the worker x factor of the method x predicted cost
// with speeds and factors learned from the seconds measured. As long as every unit is small beside what is
// left for a worker, and for a worker that is alone, any order ends at the same time: then the longest
// samples come first, each under all methods, so that soon something is known of each method and the end can
// be foretold. The first unit of a worker and of a method is a short one, so that a slow worker is known as
// such before it is given a long unit, and a slow method before its long units are left for last.
class Scheduler {
 public:
  Scheduler(std::vector<PlannedUnit> units, int n_workers, int max_attempts);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Events. Each is followed by take_actions().
  void worker_ready(Rank worker, std::int64_t n_tokens_at_once);  // 0: one unit at a time
  void unit_done(Rank worker, UnitId unit, double seconds);
  FailureVerdict unit_failed(Rank worker, UnitId unit);
  void worker_gone(Rank worker);  // after it was stopped; what it still had in hand was not evaluated
  void stop();                    // no unit is assigned any more; workers are stopped at once

  // What follows from the events so far; each action is given once. A worker has at most two assignments: the
  // one it evaluates and the next. Each makes up at most n_tokens_at_once, or is one unit. A unit that failed
  // runs alone, on another worker if there is one. A worker is stopped when nothing is left for it.
  std::vector<SchedulerAction> take_actions();

  bool finished() const { return n_gone_ == n_workers_; }  // every worker, the latest too, came and went
  std::int64_t n_units() const { return std::ssize(units_); }
  std::int64_t n_settled() const { return n_settled_; }  // done or quarantined
  int n_attempts(UnitId unit) const;                     // those of earlier runs included, and one under way

 private:
  using UnitIndex = UnitQueues::Index;  // into units_

  struct Attempts {
    int n = 0;           // those of earlier runs included
    Rank failed_on{-1};  // worker of the last failed one
  };

  struct Measured {
    double actual = 0;
    double predicted = 0;
    bool is_tried = false;  // a unit has been given, to measure it
  };

  struct Assignment {
    std::set<UnitIndex> units;  // not yet reported
    double cost = 0;            // of these, corrected
  };

  struct Worker {
    std::int64_t n_tokens_at_once = 0;
    Measured measured;  // seconds
    std::deque<Assignment> assignments;
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
  void assign_to(Rank worker, std::vector<SchedulerAction>& actions);
  std::vector<UnitIndex> choose(const Worker& worker);
  UnitIndex first_of_a_method();
  UnitIndex first_for(const Worker& worker, double most_cost);
  bool another_is_sooner(const Worker& worker, UnitIndex unit) const;
  void give(Rank worker, const std::vector<UnitIndex>& units, std::vector<SchedulerAction>& actions);

  std::vector<PlannedUnit> units_;  // ascending by id
  std::vector<Attempts> attempts_;  // of each
  UnitQueues waiting_;              // retries not included
  std::vector<Measured> methods_;   // seconds at speed 1; by method
  std::deque<UnitIndex> retries_;
  std::map<Rank, Worker> workers_;  // that are here
  Measured all_;                    // seconds of all units

  std::int64_t n_settled_ = 0;
  int n_workers_;
  int n_gone_ = 0;
  int max_attempts_;
  bool stopped_ = false;
};

}  // namespace kvcompare
