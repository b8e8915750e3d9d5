// Ranks that get the same weights: some read them, all are given them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

#include <c10/core/Stream.h>

namespace kvcompare {

class WeightBroadcast {
 public:
  virtual ~WeightBroadcast() = default;

  virtual int rank() const = 0;

  // Ranks that read, ascending; the same on every rank. One a node: each reads its share of the files, and
  // nobody on a node reads what another there has read.
  virtual std::span<const int> readers() const = 0;

  // Collective: all ranks call it with the same size and root, in the same order. n_bytes at `memory` of the
  // root, on its device, arrive at `memory` of the others; queued on `stream`. Throws if a rank is lost.
  virtual void broadcast(void* memory, std::int64_t n_bytes, int root, const c10::Stream& stream) = 0;

  // Waits for something that was queued behind broadcasts. Throws if a rank is lost, or it takes too long.
  virtual void wait_until(const std::function<bool()>& is_done) = 0;
};

}  // namespace kvcompare
