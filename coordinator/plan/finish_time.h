// Predicts when workers that share the remaining units will be done.
#pragma once

#include <cstdint>
#include <vector>

namespace kvcompare {

struct BusyWorker {
  double free_at = 0;   // seconds from now until it has finished its current units
  double slowness = 1;  // how many seconds it needs for one second of work
};

// A group of units that take about equally long.
struct WaitingUnits {
  std::int64_t n = 0;
  double work = 0;  // seconds for all units of the group, on a worker of slowness 1
};

// Returns the seconds until the last worker is done. If there are few units, they are dealt out one by one,
// the longest first, each to the worker that finishes it soonest. If there are many, only the sum of their
// work counts, because then all workers end at nearly the same time.
//   workers : at least one
double finish_time(std::vector<BusyWorker> workers, std::vector<WaitingUnits> waiting);

}  // namespace kvcompare
