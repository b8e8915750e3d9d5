// One KV head of a schedule that follows the attention really given (schedule_observing.h): block of rows by
// block of rows, first what needs no eviction to be known, then the rows in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/scorer.h"

namespace kvcompare {

// What all heads share.
struct ObservingSchedule {
  EvictionPolicy policy;
  std::int64_t n_sink;
  Chunking chunking;
  const ObservingScorer& scorer;
};

class ObservedHead {
 public:
  virtual ~ObservedHead() = default;
  // The rows [begin, end) are next.
  virtual void start_block(std::int64_t begin, std::int64_t end) = 0;
  // Each once, on any thread.
  virtual std::size_t n_key_tasks() const = 0;
  virtual void run_key_task(std::size_t task) = 0;
  // When the key tasks are done. Writes the deaths of the events that follow the block's rows.
  virtual void follow_rows() = 0;
};

//   head   : q and k
//   deaths : [n_tokens], filled with kNever
// schedule outlives what is returned.
std::unique_ptr<ObservedHead> start_observed_head(const ObservingSchedule& schedule, const WholeHead& head,
                                                  std::span<DeathTime> deaths);

}  // namespace kvcompare
