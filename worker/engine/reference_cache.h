// Remembers what the distributions of other methods are compared with: the last hidden states of the baseline
// (EngineResult::last_hidden), by sample. If memory does not suffice, the states that were not used for the
// longest time are forgotten. Whoever misses them runs the baseline again, so no result depends on what is
// remembered.
#pragma once

#include <cstdint>
#include <list>
#include <map>

#include <ATen/core/Tensor.h>

#include "common/ids.h"

namespace kvcompare {

class ReferenceCache {
 public:
  explicit ReferenceCache(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Undefined if they are not remembered.
  at::Tensor find(SampleIndex sample);
  // Remembers nothing of a sample whose states alone are more than max_bytes.
  void put(SampleIndex sample, const at::Tensor& last_hidden);

  std::int64_t n_bytes() const { return n_bytes_; }

 private:
  struct Entry {
    SampleIndex sample;
    at::Tensor last_hidden;
  };

  void forget(std::list<Entry>::iterator entry);

  std::int64_t max_bytes_;
  std::int64_t n_bytes_ = 0;
  std::list<Entry> entries_;  // that used last is first
  std::map<SampleIndex, std::list<Entry>::iterator> places_;
};

}  // namespace kvcompare
