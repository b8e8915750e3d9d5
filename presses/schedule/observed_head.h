// Computes the death times of one KV head from the attention that its keys really receive
// (schedule_observing.h). A row is a query. The rows are taken in blocks. For each block the logits are
// computed first, because they do not depend on which keys die; then the rows are followed in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "presses/policy/death_times.h"
#include "presses/policy/eviction.h"
#include "presses/scorer.h"

namespace kvcompare {

// What all KV heads of the layer share.
struct ObservingSchedule {
  EvictionRule rule;
  Chunking chunking;
  const ObservingScorer& scorer;
};

// Tokens [begin, end), the keys of a block, and the queries among them whose rows are followed, ascending.
struct RowsToFollow {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::vector<std::int64_t> rows;
};

class ObservedHead {
 public:
  virtual ~ObservedHead() = default;
  // Begins a block, which follows the block before. It outlives its work.
  virtual void start_block(const RowsToFollow& block) = 0;
  // The logits of the block, cut by keys into tasks. Each task runs once, on any thread.
  virtual std::size_t n_key_tasks() const = 0;
  virtual void run_key_task(std::size_t task) = 0;

  // When all key tasks of the block are done, its rows come in order. follow() adds what the alive keys
  // receive from the r-th row; the others are then asked for, if the event behind the row may evict.
  virtual void follow(std::size_t r) = 0;
  // The alive keys: their positions, and what they have received, summed over the query heads. Both stay
  // valid until keys are evicted or a row is followed.
  virtual std::span<const std::int32_t> alive_positions() const = 0;
  virtual std::span<double> received() = 0;
  virtual std::int64_t n_alive() const = 0;
  // Evicts keys at event e: ascending indices into the alive ones.
  virtual void evict(std::int64_t e, std::span<const std::int32_t> dying) = 0;
  virtual void end_block() = 0;
};

//   head   : q and k
//   deaths : [n_tokens], filled with kNever by this function
// `schedule` must outlive the result.
std::unique_ptr<ObservedHead> start_observed_head(const ObservingSchedule& schedule, const WholeHead& head,
                                                  std::span<DeathTime> deaths);

}  // namespace kvcompare
