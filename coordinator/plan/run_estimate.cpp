#include "coordinator/plan/run_estimate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/errors.h"
#include "coordinator/plan/finish_time.h"

namespace kvcompare {
namespace {

constexpr double kThinkInterval = 0.1;  // seconds
// An end is shown after this share of the work, or after this many seconds, whichever comes first.
constexpr double kLeastShare = 0.02;
constexpr double kLeastSeconds = 3;
// The shown end follows the expected end with a delay, which is this share of the seconds left.
constexpr double kDelayShare = 0.02;
constexpr double kLeastDelay = 0.5, kMostDelay = 20;  // seconds

}  // namespace

RunEstimate::RunEstimate(const std::vector<PlannedUnit>& units) : n_left_(std::ssize(units)) {
  for (const auto& planned : units)
    units_.push_back({planned.unit, planned.cost, rates_.group_of(planned.unit.method, planned.n_tokens)});
  std::ranges::sort(units_, {}, &Unit::unit);
  waiting_.resize(rates_.n_groups());
  for (const auto& unit : units_) {
    ++waiting_[unit.group].n;
    waiting_[unit.group].cost += unit.cost;
  }
}

const RunEstimate::Unit& RunEstimate::find(UnitId unit) const {
  const auto found = std::ranges::lower_bound(units_, unit, {}, &Unit::unit);
  require(found != units_.end() && found->unit == unit, "a unit that is not of this run");
  return *found;
}

// ---- events

void RunEstimate::assigned(Rank rank, const std::vector<UnitId>& units, double now) {
  auto& worker = workers_[rank];
  if (!began_) began_ = now;
  if (worker.batches.empty()) worker.began = now;
  auto& batch = worker.batches.emplace_back();
  for (const auto id : units) {
    const auto& unit = batch.units.emplace_back(find(id));
    --waiting_[unit.group].n;
    waiting_[unit.group].cost -= unit.cost;
  }
}

// A report on another batch than the current one is ignored. Either it was sent before the last results, or
// the first unit of its batch has been reported.
void RunEstimate::work_done(Rank rank, UnitId first, double share, double now) {
  const auto worker = workers_.find(rank);
  if (worker == workers_.end() || worker->second.batches.empty()) return;
  auto& batch = worker->second.batches.front();
  const bool is_under_way = std::ranges::find(batch.units, first, &Unit::unit) != batch.units.end();
  if (!is_under_way || share < batch.share) return;
  batch.share = std::min(share, 1.0);
  batch.told_at = now;
}

void RunEstimate::unit_done(Rank rank, UnitId id, double seconds, double now) {
  const auto& unit = find(id);
  auto& worker = workers_.at(rank);
  take_from_batch(worker, unit).done.push_back({unit, seconds});
  --n_left_;
  end_batch(worker, now);
}

void RunEstimate::unit_failed(Rank rank, UnitId id, bool for_good, double now) {
  const auto& unit = find(id);
  auto& worker = workers_.at(rank);
  take_from_batch(worker, unit).has_failures = true;
  if (for_good) {
    --n_left_;
  } else {
    ++waiting_[unit.group].n;
    waiting_[unit.group].cost += unit.cost;
  }
  end_batch(worker, now);
}

// The worker did not evaluate the units that it still had.
void RunEstimate::worker_gone(Rank worker) { workers_.erase(worker); }

RunEstimate::Batch& RunEstimate::take_from_batch(Worker& worker, const Unit& unit) {
  for (auto& batch : worker.batches)
    if (std::erase_if(batch.units, [&](const Unit& one) { return one.unit == unit.unit; }) > 0) return batch;
  throw InvariantError("a worker reported a unit that it was not assigned");
}

void RunEstimate::end_batch(Worker& worker, double now) {
  const auto ended = std::ranges::find_if(worker.batches, [](const auto& b) { return b.units.empty(); });
  if (ended == worker.batches.end()) return;
  measure(worker, *ended, now - worker.began);
  worker.batches.erase(ended);
  worker.began = now;
}

// The wall time of a batch includes messages and the journal. It is shared out among the units in proportion
// to the seconds that they report. If units failed, it is not known how long they took.
void RunEstimate::measure(Worker& worker, const Batch& batch, double wall) {
  double reported = 0;
  for (const auto& [unit, seconds] : batch.done) reported += seconds;
  if (!(reported > 0)) return;
  const auto stretch = batch.has_failures ? 1 : std::max(1.0, wall / reported);
  if (rates_.is_known())
    for (const auto& [unit, seconds] : batch.done) {
      worker.actual += seconds * stretch;
      worker.expected += unit.cost * rates_.of(unit.group);
    }
  const auto slow = slowness(worker);
  for (const auto& [unit, seconds] : batch.done) {
    seconds_done_ += seconds * stretch / slow;
    rates_.add(unit.group, 1, unit.cost, seconds * stretch / slow);
  }
}

// ---- what follows

double RunEstimate::slowness(const Worker& worker) const {
  const bool is_compared = workers_.size() > 1 && worker.expected > 0;
  return is_compared ? worker.actual / worker.expected : 1;
}

double RunEstimate::expected_seconds(const std::vector<Unit>& units) const {
  double sum = 0;
  for (const auto& unit : units) sum += unit.cost * rates_.of(unit.group);
  return sum;
}

// The time since the batch began is shared out among its units in proportion to their expected seconds.
void RunEstimate::measure_what_is_under_way() {
  rates_.forget_guesses();
  for (const auto& [rank, worker] : workers_) {
    if (worker.batches.empty()) continue;
    const auto& batch = worker.batches.front();
    const auto seconds = (batch.told_at - worker.began) / slowness(worker);
    if (!(batch.share > 0) || !(seconds > 0)) continue;
    double expected = expected_seconds(batch.units), cost = 0;
    for (const auto& unit : batch.units) cost += unit.cost;
    for (const auto& unit : batch.units) {
      const auto part = expected > 0 ? unit.cost * rates_.of(unit.group) / expected : unit.cost / cost;
      rates_.guess(unit.group, batch.share, batch.share * unit.cost, seconds * part);
    }
  }
  rates_.update();
}

// The more of the batch is done, the more its own pace counts.
double RunEstimate::seconds_of_batch_left(const Worker& worker, double now) const {
  if (worker.batches.empty()) return 0;
  const auto& batch = worker.batches.front();
  const auto expected = expected_seconds(batch.units) * slowness(worker);
  if (!(batch.share > 0)) return std::max(0.0, expected - (now - worker.began));
  const auto total = (1 - batch.share) * expected + (batch.told_at - worker.began);
  return std::max(0.0, (1 - batch.share) * total - (now - batch.told_at));
}

Outlook RunEstimate::outlook(double now) {
  if (n_left_ == 0) return {.share = 1, .seconds_left = std::nullopt};
  if (!thought_at_ || now - *thought_at_ >= kThinkInterval) think(now);
  return outlook_;
}

void RunEstimate::think(double now) {
  thought_at_ = now;
  measure_what_is_under_way();
  if (!began_ || !rates_.is_known() || workers_.empty()) return;
  std::vector<BusyWorker> busy;
  double done = seconds_done_, left = 0;  // of work
  for (const auto& [rank, worker] : workers_) {
    const auto slow = slowness(worker);
    auto seconds = seconds_of_batch_left(worker, now);
    if (!worker.batches.empty()) done += (now - worker.began) / slow;
    for (std::size_t b = 1; b < worker.batches.size(); ++b)
      seconds += expected_seconds(worker.batches[b].units) * slow;
    busy.push_back({.free_at = seconds, .slowness = slow});
    left += seconds / slow;
  }
  std::vector<WaitingUnits> waiting;
  for (std::size_t g = 0; g < waiting_.size(); ++g) {
    if (waiting_[g].n == 0) continue;
    waiting.push_back({waiting_[g].n, waiting_[g].cost * rates_.of(g)});
    left += waiting.back().work;
  }
  // The share does not reach 1 before the last unit is settled.
  outlook_.share = std::clamp(done / (done + left), outlook_.share, 0.999);
  show(finish_time(std::move(busy), std::move(waiting)), now);
}

void RunEstimate::show(double left, double now) {
  if (outlook_.share < kLeastShare && now - *began_ < kLeastSeconds) return;
  const auto delay = std::clamp(kDelayShare * left, kLeastDelay, kMostDelay);
  const auto follow = end_ ? 1 - std::exp(-(now - shown_at_) / delay) : 1;
  end_ = end_.value_or(0) + follow * (now + left - end_.value_or(0));
  shown_at_ = now;
  outlook_.seconds_left = std::max(0.0, *end_ - now);
}

}  // namespace kvcompare
