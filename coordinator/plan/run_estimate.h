// Estimates how far a run is and when it will end, by predicted work and not by counting units. Like the
// scheduler it is a pure state machine: it has no clock, and is told what happens and when.
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

// The estimate that is shown.
struct Outlook {
  double share = 0;  // of the work, from 0 to 1; never decreases, and is 1 only at the end
  std::optional<double> seconds_left{};  // absent while too little is known, and at the end
};

// A unit is expected to take its predicted cost times a rate. Rates are measured for each method and length.
// If a method or a length has not been measured yet, the nearest measured one stands in for it. The part of a
// batch that is done counts as a measurement too, so even a run of a single batch has a rate. Only units of
// this session count as work; what earlier sessions did is not part of it.
class RunEstimate {
 public:
  explicit RunEstimate(const std::vector<PlannedUnit>& units);

  // Events.
  //   now : seconds since some fixed moment; never decreases
  void assigned(Rank worker, const std::vector<UnitId>& units, double now);
  void work_done(Rank worker, UnitId first, double share, double now);  // see WorkDone
  void unit_done(Rank worker, UnitId unit, double seconds, double now);
  void unit_failed(Rank worker, UnitId unit, bool for_good, double now);
  void worker_gone(Rank worker);

  // May be called often. The estimate is computed again at most ten times a second.
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
    std::vector<Unit> units;  // those not yet reported
    std::vector<Report> done;
    bool has_failures = false;
    double share = 0;  // the share that was reported last as done
    double told_at = 0;
  };

  struct Worker {
    std::deque<Batch> batches;  // the one being evaluated, and the next
    double began = 0;           // when the current one began
    double actual = 0;          // seconds that its finished units took
    double expected = 0;        // seconds expected for them by the rates known then
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
  double seconds_done_ = 0;      // of settled units, for a worker of slowness 1
  std::optional<double> began_;  // when the first assignment was made
  std::optional<double> thought_at_;
  std::optional<double> end_;  // the end as shown last
  double shown_at_ = 0;
  Outlook outlook_;
};

}  // namespace kvcompare
