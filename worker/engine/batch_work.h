// How much of the units that an engine was given together is done, told to whoever watches.
#pragma once

#include <cstdint>
#include <span>

#include "worker/checkpoint/model_config.h"
#include "worker/engine/engine.h"

namespace kvcompare {

// Floating-point operations, roughly: matrix products, and attention over all keys, as if none were evicted.

// Of one layer, for tokens [begin, end) of a sample.
double layer_operations(const ModelConfig& config, std::int64_t begin, std::int64_t end);

// Of the head, for n_tokens.
double head_operations(const ModelConfig& config, std::int64_t n_tokens);

// Of whole samples, all layers and the head.
double all_operations(const ModelConfig& config, std::span<const EngineTask> tasks);

class BatchWork {
 public:
  //   observer : may be empty; outlives this
  //   total    : work of all units, in any unit of work; positive
  BatchWork(const WorkObserver& observer, double total) : observer_(observer), total_(total) {}

  // So much more is done, in the same unit. What is done twice, because memory did not suffice the first
  // time, does not take the share beyond 1.
  void done(double work);

 private:
  const WorkObserver& observer_;
  double total_;
  double done_ = 0;
};

}  // namespace kvcompare
