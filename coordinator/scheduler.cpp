#include "coordinator/scheduler.h"

#include <algorithm>

#include "common/errors.h"

namespace kvcompare {

Scheduler::Scheduler(const std::vector<UnitId>& units, const std::vector<std::int64_t>& n_tokens,
                     int n_workers, int max_attempts)
    : n_units_(std::ssize(units)),
      n_workers_(n_workers),
      max_attempts_(max_attempts),
      waiting_(units.begin(), units.end()) {
  require(units.size() == n_tokens.size(), "every unit has a number of tokens");
  for (std::size_t i = 0; i < units.size(); ++i) n_tokens_[units[i]] = n_tokens[i];
}

void Scheduler::worker_ready(Rank worker, std::int64_t n_tokens_at_once) {
  n_tokens_at_once_[worker] = n_tokens_at_once;
  require(!running_.contains(worker) && idle_.insert(worker).second, "a worker reported ready twice");
}

void Scheduler::unit_done(Rank worker, UnitId unit) {
  free(worker, unit);
  ++n_settled_;
}

FailureVerdict Scheduler::unit_failed(Rank worker, UnitId unit) {
  free(worker, unit);
  if (attempts_[unit] < max_attempts_) {
    failed_on_[unit] = worker;
    waiting_.push_back(unit);
    return FailureVerdict::kRetry;
  }
  ++n_settled_;
  return FailureVerdict::kQuarantine;
}

void Scheduler::stop() { stopped_ = true; }

std::vector<SchedulerAction> Scheduler::take_actions() {
  std::vector<SchedulerAction> actions;
  while (!stopped_ && !idle_.empty() && !waiting_.empty()) {
    const auto worker = idle_worker_for(waiting_.front());
    idle_.erase(worker);
    const auto units = next_units(n_tokens_at_once_.at(worker));
    for (const auto unit : units) ++attempts_[unit];
    running_[worker] = {units.begin(), units.end()};
    actions.push_back(AssignUnits{worker, units});
  }
  if (nothing_left()) {
    for (const auto worker : idle_) actions.push_back(StopWorker{worker});
    n_stopped_ += static_cast<int>(idle_.size());
    idle_.clear();
  }
  return actions;
}

std::vector<UnitId> Scheduler::next_units(std::int64_t n_tokens_at_once) {
  std::vector<UnitId> units;
  for (std::int64_t n_tokens = 0; !waiting_.empty(); waiting_.pop_front()) {
    const auto unit = waiting_.front();
    n_tokens += n_tokens_.at(unit);
    if (!units.empty() &&
        (n_tokens > n_tokens_at_once || failed_on_.contains(unit) || failed_on_.contains(units.front())))
      break;
    units.push_back(unit);
  }
  return units;
}

int Scheduler::n_attempts(UnitId unit) const {
  const auto found = attempts_.find(unit);
  return found == attempts_.end() ? 0 : found->second;
}

// An idle worker other than the one where the unit failed last; that one only if there is no other idle.
Rank Scheduler::idle_worker_for(UnitId unit) const {
  const auto failed_on = failed_on_.find(unit);
  if (failed_on != failed_on_.end()) {
    const auto other = std::ranges::find_if(idle_, [&](Rank rank) { return rank != failed_on->second; });
    if (other != idle_.end()) return *other;
  }
  return *idle_.begin();
}

void Scheduler::free(Rank worker, UnitId unit) {
  const auto running = running_.find(worker);
  require(running != running_.end() && running->second.erase(unit) == 1,
          "a worker reported a unit that it was not assigned");
  if (!running->second.empty()) return;
  running_.erase(running);
  idle_.insert(worker);
}

}  // namespace kvcompare
