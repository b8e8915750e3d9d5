// How far a run is, and how long it will go on: by predicted work, not by units. A pure state machine, as the
// scheduler is: it is told what happens and when.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "coordinator/plan/measured_rates.h"
#include "coordinator/plan/scheduler.h"

namespace kvcompare {

// What is shown.
struct Outlook {
  double share = 0;  // of the work, from 0 to 1; never less than before; 1 at the end only
  std::optional<double> seconds_left{};  // absent as long as too little is known, and at the end
};

// A unit takes predicted cost x rate. Rates are measured, of each method and length; where a method or a
// length was not measured yet, the nearest that was stands in. What is done of a batch under way is measured
// as well, so a run of a single batch has a rate. Only units of this session count: what an earlier one has
// done is no part of the work.
class RunEstimate {
 public:
  explicit RunEstimate(const std::vector<PlannedUnit>& units);

  // Events. now: seconds since any moment, never less than before.
  void assigned(Rank worker, const std::vector<UnitId>& units, double now);
  void work_done(Rank worker, UnitId first, double share, double now);  // see WorkDone
  void unit_done(Rank worker, UnitId unit, double seconds, double now);
  void unit_failed(Rank worker, UnitId unit, bool for_good, double now);
  void worker_gone(Rank worker);

  // May be asked often: it thinks anew ten times a second.
  Outlook outlook(double now);

 private:
  using Group = MeasuredRates::Group;

  struct Unit {
    UnitId unit;
    double cost = 0;
    Group group = 0;
  };

  struct Report {
    Unit unit;
    double seconds = 0;
  };

  struct Batch {
    std::vector<Unit> units;  // not yet reported
    std::vector<Report> done;
    bool has_failures = false;
    double share = 0;  // done, when it was told last
    double told_at = 0;
  };

  struct Worker {
    std::deque<Batch> batches;  // the one under way, and the next
    double began = 0;           // the one under way
    double actual = 0;          // seconds of units done
    double expected = 0;        // of the same, by the rates that were known
  };

  struct Waiting {
    std::int64_t n = 0;
    double cost = 0;
  };

  const Unit& find(UnitId unit) const;
  double expected_seconds(const std::vector<Unit>& units) const;
  Batch& take_from_batch(Worker& worker, const Unit& unit);
  void end_batch(Worker& worker, double now);
  void measure(Worker& worker, const Batch& batch, double wall);
  double slowness(const Worker& worker) const;
  void measure_what_is_under_way();
  double seconds_of_batch_left(const Worker& worker, double now) const;
  void think(double now);
  void show(double left, double now);

  std::vector<Unit> units_;  // ascending by id
  MeasuredRates rates_;
  std::vector<Waiting> waiting_;  // by group
  std::map<Rank, Worker> workers_;
  std::int64_t n_left_ = 0;      // units not settled
  double seconds_done_ = 0;      // of settled units, on a worker of slowness 1
  std::optional<double> began_;  // first assignment
  std::optional<double> thought_at_;
  std::optional<double> end_;  // as shown last
  double shown_at_ = 0;
  Outlook outlook_;
};

}  // namespace kvcompare
