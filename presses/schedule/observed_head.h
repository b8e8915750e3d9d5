// Computes the death times of one KV head from the attention that its keys really receive
// (schedule_observing.h). A row is a query. The rows are taken in blocks. For each block the logits are
// computed first, because they do not depend on which keys die; then the rows are followed in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/run/method_spec.h"
#include "presses/policy/death_times.h"
#include "presses/scorer.h"

namespace kvcompare {

// What all KV heads of the layer share.
struct ObservingSchedule {
  EvictionPolicy policy;
  std::int64_t n_sink;
  Chunking chunking;
  const ObservingScorer& scorer;
};

class ObservedHead {
 public:
  virtual ~ObservedHead() = default;
  // Begins the block of the rows [begin, end).
  virtual void start_block(std::int64_t begin, std::int64_t end) = 0;
  // The logits of the block, cut by keys into tasks. Each task runs once, on any thread.
  virtual std::size_t n_key_tasks() const = 0;
  virtual void run_key_task(std::size_t task) = 0;
  // To be called when all key tasks of the block are done. Writes the death times of the events that follow
  // the rows of the block.
  virtual void follow_rows() = 0;
};

//   head   : q and k
//   deaths : [n_tokens], filled with kNever by this function
// `schedule` must outlive the result.
std::unique_ptr<ObservedHead> start_observed_head(const ObservingSchedule& schedule, const WholeHead& head,
                                                  std::span<DeathTime> deaths);

}  // namespace kvcompare
