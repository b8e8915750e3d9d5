#include "coordinator/plan/finish_time.h"

#include <algorithm>
#include <functional>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kFewPerWorker = 8;  // beyond this, a unit is at most an eighth of a worker's remaining
                                           // work

// The time at which all workers end together, except for those that are busy for longer anyway.
double level(std::vector<BusyWorker> workers, double work) {
  std::ranges::sort(workers, {}, &BusyWorker::free_at);
  double rate = 0, until = workers.front().free_at;
  for (const auto& worker : workers) {
    const double room = (worker.free_at - until) * rate;
    if (work <= room) return std::max(until + work / rate, workers.back().free_at);
    work -= room;
    until = worker.free_at;
    rate += 1 / worker.slowness;
  }
  return until + work / rate;
}

double deal_out(std::vector<BusyWorker> workers, std::vector<WaitingUnits> waiting) {
  const auto work_of_one = [](const WaitingUnits& units) {
    return units.work / static_cast<double>(units.n);
  };
  std::ranges::sort(waiting, std::greater(), work_of_one);
  for (const auto& units : waiting)
    for (std::int64_t i = 0; i < units.n; ++i) {
      const double work = work_of_one(units);
      const auto end = [&](const BusyWorker& w) { return w.free_at + work * w.slowness; };
      auto& soonest = *std::ranges::min_element(workers, {}, end);
      soonest.free_at = end(soonest);
    }
  return std::ranges::max(workers, {}, &BusyWorker::free_at).free_at;
}

}  // namespace

double finish_time(std::vector<BusyWorker> workers, std::vector<WaitingUnits> waiting) {
  require(!workers.empty(), "somebody must do the work");
  std::int64_t n = 0;
  double work = 0;
  std::erase_if(waiting, [](const auto& units) { return units.n == 0; });
  for (const auto& units : waiting) {
    n += units.n;
    work += units.work;
  }
  if (n > kFewPerWorker * std::ssize(workers)) return level(std::move(workers), work);
  return deal_out(std::move(workers), std::move(waiting));
}

}  // namespace kvcompare
