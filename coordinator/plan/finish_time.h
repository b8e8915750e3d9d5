// When workers that share what is left are through with it.
#pragma once

#include <cstdint>
#include <vector>

namespace kvcompare {

struct BusyWorker {
  double free_at = 0;   // seconds from now, when it is through with what it has in hand
  double slowness = 1;  // seconds that it takes for a second of work
};

// Units that take about as long as each other.
struct WaitingUnits {
  std::int64_t n = 0;
  double work = 0;  // seconds of all together, on a worker of slowness 1
};

// Seconds until the last worker is through. Few units are dealt out one by one, the longest first, to whoever
// ends with them soonest; of many only the sum counts, because their ends then meet.
//   workers : one at least
double finish_time(std::vector<BusyWorker> workers, std::vector<WaitingUnits> waiting);

}  // namespace kvcompare
