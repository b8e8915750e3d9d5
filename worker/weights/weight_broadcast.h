// An interface for ranks that need the same weights: some ranks read them, and all receive them.
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

  // The ranks that read, ascending, the same list on every rank. There is one on each node. Each reads its
  // share of the files, so nothing is read twice on a node.
  virtual std::span<const int> readers() const = 0;

  // Collective: all ranks call this with the same size and root, in the same order. Copies n_bytes from
  // `memory` of the root to `memory` of the others, on their devices; queued on `stream`. Throws if a rank is
  // lost.
  virtual void broadcast(void* memory, std::int64_t n_bytes, int root, const c10::Stream& stream) = 0;

  // Waits for something that was queued after broadcasts. Throws if a rank is lost, or if it takes too long.
  virtual void wait_until(const std::function<bool()>& is_done) = 0;
};

}  // namespace kvcompare
