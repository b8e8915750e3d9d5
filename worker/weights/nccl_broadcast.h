// Weights over NCCL: one communicator of all ranks that compute, each with a GPU of its own, for as long as
// they load. nccl_broadcast.cpp has it; in a program built without CUDA or without nccl.h,
// nccl_broadcast_none.cpp stands for it. libnccl.so.2 is looked for when several ranks ask for it, and never
// linked.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "common/errors.h"
#include "worker/weights/weight_broadcast.h"

namespace kvcompare {

// A call of NCCL failed, or another rank did not answer in time.
struct NcclError : Error {
  NcclError(std::string call_, const std::string& problem)
      : Error(ExitCode::kInternal, call_ + ": " + problem), call(std::move(call_)) {}
  std::string call;
};

// What this process lacks for NCCL, and what brings it; absent if it lacks nothing. Looks for a GPU and its
// driver first, and touches NCCL only where they are there.
std::optional<std::string> why_no_nccl();

// Names a communicator: its rank 0 makes the id and tells the others.
using NcclId = std::array<std::byte, 128>;

// Absent if there is no NCCL, or it cannot be made, which is logged.
std::optional<NcclId> make_nccl_id();

// A rank of a communicator.
struct NcclPlace {
  NcclId id{};
  int n_ranks = 1;
  int rank = 0;
  std::vector<int> readers{0};  // see WeightBroadcast
};

struct NcclTimeouts {
  std::chrono::seconds start;  // until all ranks have come
  std::chrono::seconds slice;  // until a slice is there
};

// Used by one thread. Whatever fails, the communicator is aborted, so that no kernel waits on the GPU; then
// NcclError is thrown.
class NcclBroadcast : public WeightBroadcast {
 public:
  // Collective. Throws ConfigError if there is no NCCL, and NcclError.
  NcclBroadcast(const NcclPlace& place, const c10::Device& device, const NcclTimeouts& timeouts);
  ~NcclBroadcast() override;  // aborts, unless it is closed
  NcclBroadcast(const NcclBroadcast&) = delete;
  NcclBroadcast& operator=(const NcclBroadcast&) = delete;

  int rank() const override;
  std::span<const int> readers() const override;
  void broadcast(void* memory, std::int64_t n_bytes, int root, const c10::Stream& stream) override;
  void wait_until(const std::function<bool()>& is_done) override;

  // Collective, when all that was queued is done: gives back what NCCL has on the GPU and its connections.
  // Throws nothing: a rank that is lost now is noticed elsewhere.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvcompare
