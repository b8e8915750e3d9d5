// Tells an observer how much of a batch of units an engine has computed.
#pragma once

#include <cstdint>
#include <span>

#include "worker/checkpoint/model_config.h"
#include "worker/engine/engine.h"

namespace kvcompare {

// The numbers of floating-point operations below are rough: matrix products, and attention over all keys, as
// if no key were evicted.

// Of one layer, for tokens [begin, end) of a sample.
double layer_operations(const ModelConfig& config, std::int64_t begin, std::int64_t end);

// Of the head, for n_tokens.
double head_operations(const ModelConfig& config, std::int64_t n_tokens);

// Of whole samples, all layers and the head.
double all_operations(const ModelConfig& config, std::span<const EngineTask> tasks);

class BatchWork {
 public:
  //   observer : may be empty; must outlive this object
  //   total    : the work of all units, in any unit of work; positive
  BatchWork(const WorkObserver& observer, double total) : observer_(observer), total_(total) {}

  // Adds work that is done, in the same unit of work. Work that is done twice, because memory did not suffice
  // the first time, does not raise the share above 1.
  void done(double work);

 private:
  const WorkObserver& observer_;
  double total_;
  double done_ = 0;
};

}  // namespace kvcompare
