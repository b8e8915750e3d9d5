// Who evaluates what: a pure state machine, events in, actions out; no clock, no messages, no tensors.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "common/ids.h"

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

class Scheduler {
 public:
  // n_tokens: of each unit, in the same order.
  Scheduler(const std::vector<UnitId>& units, const std::vector<std::int64_t>& n_tokens, int n_workers,
            int max_attempts);

  // Events. Each is followed by take_actions().
  void worker_ready(Rank worker, std::int64_t n_tokens_at_once);  // 0: one unit at a time
  void unit_done(Rank worker, UnitId unit);
  FailureVerdict unit_failed(Rank worker, UnitId unit);
  void stop();  // no unit is assigned any more; those under way end

  // What follows from the events so far; each action is given once. A worker gets the next units that make up
  // at most n_tokens_at_once, or one; nothing more before all of them are done or failed. A unit that failed
  // runs alone.
  std::vector<SchedulerAction> take_actions();

  // Every unit is done or quarantined, or the run was stopped; and every worker, the latest too, was told so.
  bool finished() const { return n_stopped_ == n_workers_; }
  std::int64_t n_units() const { return n_units_; }
  std::int64_t n_settled() const { return n_settled_; }  // done or quarantined
  int n_attempts(UnitId unit) const;

 private:
  bool nothing_left() const { return stopped_ ? running_.empty() : n_settled_ == n_units_; }
  Rank idle_worker_for(UnitId unit) const;
  std::vector<UnitId> next_units(std::int64_t n_tokens_at_once);
  void free(Rank worker, UnitId unit);

  std::int64_t n_units_;
  std::int64_t n_settled_ = 0;
  int n_workers_;
  int n_stopped_ = 0;
  int max_attempts_;
  bool stopped_ = false;
  std::map<UnitId, std::int64_t> n_tokens_;
  std::map<Rank, std::int64_t> n_tokens_at_once_;
  std::deque<UnitId> waiting_;
  std::map<Rank, std::set<UnitId>> running_;  // of workers that have any
  std::set<Rank> idle_;
  std::map<UnitId, int> attempts_;
  std::map<UnitId, Rank> failed_on_;  // the worker of the last failed attempt: another is tried first
};

}  // namespace kvcompare
