#include "presses/scorer.h"

namespace kvcompare {

void DriftingScorer::Head::start_block(std::span<const std::int64_t> n,
                                       std::span<const std::int32_t> candidates) {
  start_events(n);
  for (std::size_t task = 0; task < n_event_tasks(); ++task) run_event_task(task);
  start_keys(candidates);
  for (std::size_t task = 0; task < n_key_tasks(); ++task) run_key_task(task);
}

}  // namespace kvcompare
