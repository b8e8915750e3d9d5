// Tells an observer how much of a batch of units an engine has computed.
#pragma once

#include <cstdint>
#include <span>

#include "worker/engine/engine.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// The numbers of floating-point operations below are rough: matrix products, and attention over all keys, as
// if no key were evicted and no layer had a window.

// Of one layer, or of all of them.
struct LayerOperations {
  double per_token = 0;
  double per_pair = 0;  // of a query and a key

  // For tokens [begin, end) of a sample.
  double of(std::int64_t begin, std::int64_t end) const;
};
LayerOperations layer_operations(const Decoder& decoder, std::int64_t layer);
LayerOperations operations_of_layers(const Decoder& decoder);

// Of the head, for n_tokens.
double head_operations(const Decoder& decoder, std::int64_t n_tokens);

// Of whole samples, all layers and the head.
double all_operations(const Decoder& decoder, std::span<const EngineTask> tasks);

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
