#include "coordinator/plan/scheduler.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <ranges>
#include <utility>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::size_t kMostAssignments = 2;  // the current one and the next
constexpr auto kNone = UnitQueues::kNone;
constexpr double kSlow = 3;               // a worker is slow if it is this many times slower than the
                                          // fastest; a wrong estimate is less
constexpr double kSmall = 0.1;            // a unit is small if it is at most this share of a worker's part of
                                          // the work left
constexpr double kShareOfTheRest = 0.25;  // an assignment is at most this share of a worker's part of the
                                          // work left

std::vector<PlannedUnit> by_id(std::vector<PlannedUnit> units) {
  std::ranges::sort(units, {}, &PlannedUnit::unit);
  return units;
}

}  // namespace

Scheduler::Scheduler(std::vector<PlannedUnit> units, int n_workers, int max_attempts, Affinity affinity)
    : units_(by_id(std::move(units))),
      waiting_(units_, [this](MethodIndex method) { return factor(method); }),
      methods_(waiting_.n_methods()),
      n_workers_(n_workers),
      max_attempts_(max_attempts),
      affinity_(affinity) {
  for (const auto& unit : units_) {
    const auto index = static_cast<UnitIndex>(attempts_.size());
    attempts_.push_back({.n = unit.n_failed});
    if (!unit.runs_alone) continue;
    waiting_.take(index);
    alone_.push_back(index);
  }
}

// ---- what is known

Scheduler::UnitIndex Scheduler::find(UnitId unit) const {
  const auto found = std::ranges::lower_bound(units_, unit, {}, &PlannedUnit::unit);
  require(found != units_.end() && found->unit == unit, "a unit that is not of this run");
  return static_cast<UnitIndex>(found - units_.begin());
}

int Scheduler::n_attempts(UnitId unit) const { return attempts_[static_cast<std::size_t>(find(unit))].n; }

// The rate of the method relative to the mean of all methods; 1 while nothing is known.
double Scheduler::factor(MethodIndex method) const {
  const auto& measured = methods_[static_cast<std::size_t>(method.value)];
  double actual = 0, predicted = 0;
  for (const auto& one : methods_) {
    actual += one.actual;
    predicted += one.predicted;
  }
  if (measured.actual <= 0 || actual <= 0) return 1;
  return (measured.actual / measured.predicted) / (actual / predicted);
}

// Seconds for a cost of 1. A worker that has not been measured yet is assumed to be as fast as the others.
double Scheduler::speed(const Worker& worker) const {
  const auto& known = worker.measured.predicted > 0 ? worker.measured : all_;
  return known.predicted > 0 ? known.actual / known.predicted : 1;
}

// An upper bound, because it is not known how far the worker is with its current assignment.
double Scheduler::busy_seconds(const Worker& worker) const {
  double busy_cost = 0;
  for (const auto& assignment : worker.assignments) busy_cost += assignment.cost;
  return busy_cost * speed(worker);
}

// The time until the end if all workers could share the rest of the work evenly.
double Scheduler::seconds_to_the_end() const {
  double busy = 0, rate = 0;  // cost, and cost a second
  for (const auto& [rank, worker] : workers_) {
    rate += 1 / speed(worker);
    busy += busy_seconds(worker) / speed(worker);
  }
  return (waiting_.total_cost() + busy) / rate;
}

bool Scheduler::nothing_left() const { return stopped_ || n_settled_ == n_units(); }

// ---- events

void Scheduler::worker_ready(Rank worker, std::int64_t n_tokens_at_once) {
  const auto [place, is_new] = workers_.try_emplace(worker);
  require(is_new, "a worker reported ready twice");
  place->second.n_tokens_at_once = n_tokens_at_once;
}

// The worker has reported the unit, as done or as failed.
void Scheduler::settle_report(Rank worker, UnitIndex unit) {
  const auto found = workers_.find(worker);
  require(found != workers_.end(), "a worker reported a unit before it was ready");
  auto& assignments = found->second.assignments;
  for (auto& assignment : assignments) {
    if (assignment.units.erase(unit) == 0) continue;
    assignment.cost -= assignment.cost / static_cast<double>(assignment.units.size() + 1);
    std::erase_if(assignments, [](const Assignment& one) { return one.units.empty(); });
    return;
  }
  require(false, "a worker reported a unit that it was not assigned");
}

void Scheduler::unit_done(Rank worker, UnitId unit, double seconds) {
  const auto index = find(unit);
  settle_report(worker, index);
  ++n_settled_;
  if (!(seconds > 0) || !(planned(index).cost > 0)) return;
  const auto corrected = waiting_.cost(index);
  auto& known = workers_.at(worker);
  known.measured.actual += seconds;
  known.measured.predicted += corrected;
  all_.actual += seconds;
  all_.predicted += corrected;
  auto& method = methods_[static_cast<std::size_t>(unit.method.value)];
  method.actual += seconds / speed(known);
  method.predicted += planned(index).cost;
}

FailureVerdict Scheduler::unit_failed(Rank worker, UnitId unit) {
  const auto index = find(unit);
  settle_report(worker, index);
  auto& attempts = attempts_[static_cast<std::size_t>(index)];
  if (attempts.n >= max_attempts_) {
    ++n_settled_;
    return FailureVerdict::kQuarantine;
  }
  attempts.failed_on = worker;
  (planned(index).runs_alone ? alone_ : retries_).push_back(index);
  return FailureVerdict::kRetry;
}

void Scheduler::worker_gone(Rank worker) {
  const auto found = workers_.find(worker);
  require(found != workers_.end() && found->second.is_stopped, "a worker left that was not told to");
  workers_.erase(found);
  ++n_gone_;
}

void Scheduler::stop() { stopped_ = true; }

// ---- actions

std::vector<SchedulerAction> Scheduler::take_actions() {
  std::vector<SchedulerAction> actions;
  if (!nothing_left()) {
    while (assign_retries(actions)) continue;
    assign_waiting(actions);
    assign_alone(actions);
  }
  if (nothing_left())
    for (auto& [rank, worker] : workers_)
      if (!std::exchange(worker.is_stopped, true)) actions.push_back(StopWorker{rank});
  return actions;
}

// Assigns units that have failed: each to an idle worker other than the one that it failed on, and to that
// one only if there is no other.
bool Scheduler::assign_retries(std::vector<SchedulerAction>& actions) {
  for (auto retry = retries_.begin(); retry != retries_.end(); ++retry) {
    const auto failed_on = attempts_[static_cast<std::size_t>(*retry)].failed_on;
    const bool is_alone = workers_.size() == 1;
    const auto idle = std::ranges::find_if(workers_, [&](const auto& entry) {
      return entry.second.assignments.empty() && (is_alone || entry.first != failed_on);
    });
    if (idle == workers_.end()) continue;
    const std::vector<UnitIndex> alone{*retry};
    retries_.erase(retry);
    give(idle->first, alone, actions);
    return true;
  }
  return false;
}

// Assigns to idle workers first, then to those that hold no next assignment.
void Scheduler::assign_waiting(std::vector<SchedulerAction>& actions) {
  for (std::size_t n = 0; n < kMostAssignments; ++n)
    for (const auto& [rank, worker] : workers_)
      if (!waiting_.is_empty() && worker.assignments.size() == n) assign_to(rank, actions);
  const bool is_stuck =
      !waiting_.is_empty() && !workers_.empty() &&
      std::ranges::all_of(workers_, [](const auto& w) { return w.second.assignments.empty(); });
  if (!is_stuck) return;
  // Each worker would leave the unit to another one, so the fastest takes it.
  const auto fastest =
      std::ranges::min_element(workers_, {}, [&](const auto& entry) { return speed(entry.second); });
  give(fastest->first, {waiting_.cheapest()}, actions);
}

// Assigns one of the units that run alone, if nothing else is left to do and nothing is in hand.
void Scheduler::assign_alone(std::vector<SchedulerAction>& actions) {
  const bool others_are_done =
      waiting_.is_empty() && retries_.empty() &&
      std::ranges::all_of(workers_, [](const auto& entry) { return entry.second.assignments.empty(); });
  if (alone_.empty() || workers_.empty() || !others_are_done) return;
  const std::vector<UnitIndex> unit{alone_.front()};
  alone_.pop_front();
  give(workers_.begin()->first, unit, actions);
}

void Scheduler::assign_to(Rank rank, std::vector<SchedulerAction>& actions) {
  const auto& worker = workers_.at(rank);
  const bool is_idle = worker.assignments.empty();
  if (n_workers_ > 1 && is_idle)
    if (const auto unit = first_of_a_method(); unit != kNone) return give(rank, {unit}, actions);
  const bool is_unknown = n_workers_ > 1 && worker.measured.predicted == 0;
  if (is_unknown && is_idle) return give(rank, {waiting_.cheapest()}, actions);
  if (is_unknown) return;
  if (const auto units = choose(worker); !units.empty()) give(rank, units, actions);
}

// A unit of the first method that has not been measured, and of which no unit is being measured.
Scheduler::UnitIndex Scheduler::first_of_a_method() {
  for (std::size_t m = 0; m < methods_.size(); ++m) {
    if (std::exchange(methods_[m].is_tried, true)) continue;
    if (const auto unit = waiting_.cheapest_of(MethodIndex(static_cast<std::int64_t>(m))); unit != kNone)
      return unit;
  }
  return kNone;
}

// Chooses the most expensive units that do not make the run longer if this worker takes them. Chooses none if
// other workers should take them. The chosen units are marked as taken.
std::vector<Scheduler::UnitIndex> Scheduler::choose(const Worker& worker) {
  const auto most_cost = (seconds_to_the_end() - busy_seconds(worker)) / speed(worker);
  const auto costliest = waiting_.costliest_within(std::numeric_limits<double>::infinity());
  const bool any_order_will_do = n_workers_ == 1 || waiting_.cost(costliest) <= kSmall * most_cost;
  auto sample = worker.sample;
  const auto next_unit = [&] {
    return any_order_will_do ? next_sample_by_sample(sample) : costliest_for(sample, most_cost);
  };
  const auto first = any_order_will_do ? next_unit() : first_for(worker, most_cost);
  if (first == kNone) return {};
  std::vector<UnitIndex> units;
  std::int64_t n_tokens = 0;
  double total = 0;
  for (auto next = first; next != kNone; next = next_unit()) {
    n_tokens += planned(next).n_tokens;
    total += waiting_.cost(next);
    const bool fits = n_tokens <= worker.n_tokens_at_once && total <= kShareOfTheRest * most_cost;
    if (!units.empty() && !fits) break;
    waiting_.take(next);
    sample = planned(next).unit.sample;
    begun_.insert(*sample);
    units.push_back(next);
  }
  return units;
}

// sample: of the worker that asks.
Scheduler::UnitIndex Scheduler::next_sample_by_sample(const std::optional<SampleIndex>& sample) {
  if (affinity_ == Affinity::kNone) return waiting_.of_the_longest_sample();
  if (sample)
    if (const auto own = waiting_.of_sample(*sample); own != kNone) return own;
  const auto fresh =
      waiting_.of_the_longest_sample([this](SampleIndex one) { return !begun_.contains(one); });
  return fresh != kNone ? fresh : waiting_.of_the_longest_sample();
}

// Of a sample that nobody has begun, the baseline comes first.
Scheduler::UnitIndex Scheduler::costliest_for(const std::optional<SampleIndex>& sample, double most_cost) {
  if (affinity_ == Affinity::kNone) return waiting_.costliest_within(most_cost);
  if (sample)
    if (const auto own = waiting_.costliest_of_sample(*sample, most_cost); own != kNone) return own;
  const auto fresh =
      waiting_.costliest_within(most_cost, [this](SampleIndex one) { return !begun_.contains(one); });
  return fresh != kNone ? waiting_.of_sample(planned(fresh).unit.sample)
                        : waiting_.costliest_within(most_cost);
}

Scheduler::UnitIndex Scheduler::first_for(const Worker& worker, double most_cost) {
  const auto costliest = waiting_.costliest_within(std::numeric_limits<double>::infinity());
  const bool is_idle = worker.assignments.empty();
  if (is_idle && !another_is_sooner(worker, costliest))
    return costliest_for(worker.sample, waiting_.cost(costliest));
  // Estimates may be wrong, and more so for a slow worker. So a slow worker gets no unit that would take it
  // longer than half of the time left, or longer than the longest unit, which has to be waited for anyway,
  // takes another worker.
  const auto fastest = std::ranges::min(workers_ | std::views::values |
                                        std::views::transform([&](const auto& w) { return speed(w); }));
  const auto slowness = speed(worker) / fastest;
  if (slowness > kSlow) most_cost = std::min(most_cost / 2, waiting_.cost(costliest) / slowness);
  const auto unit = costliest_for(worker.sample, most_cost);
  if (unit != kNone || !is_idle) return unit;
  const auto smallest = waiting_.cheapest();
  return another_is_sooner(worker, smallest) ? kNone : smallest;
}

bool Scheduler::another_is_sooner(const Worker& worker, UnitIndex unit) const {
  const auto seconds = waiting_.cost(unit) * speed(worker);
  return std::ranges::any_of(workers_, [&](const auto& entry) {
    const auto& other = entry.second;
    return &other != &worker && busy_seconds(other) + waiting_.cost(unit) * speed(other) < seconds;
  });
}

void Scheduler::give(Rank rank, const std::vector<UnitIndex>& units, std::vector<SchedulerAction>& actions) {
  Assignment assignment;
  AssignUnits action{.worker = rank, .units = {}, .alone = planned(units.front()).runs_alone};
  for (const auto index : units) {
    if (waiting_.is_waiting(index)) waiting_.take(index);
    ++attempts_[static_cast<std::size_t>(index)].n;
    assignment.units.insert(index);
    assignment.cost += waiting_.cost(index);
    action.units.push_back(planned(index).unit);
    begun_.insert(planned(index).unit.sample);
    workers_.at(rank).sample = planned(index).unit.sample;
  }
  workers_.at(rank).assignments.push_back(std::move(assignment));
  actions.push_back(std::move(action));
}

}  // namespace kvcompare
