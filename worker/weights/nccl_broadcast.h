// Broadcasts weights over NCCL. While they load, all ranks that compute, each with its own GPU, are in one
// communicator. nccl_broadcast.cpp implements this; in a program built without CUDA or without nccl.h,
// nccl_broadcast_none.cpp takes its place. libnccl.so.2 is never linked; it is loaded when several ranks need
// it.
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

// What this process lacks for NCCL, and how to install it; absent if it lacks nothing. Looks for a GPU and
// its driver first, and loads NCCL only if both are there.
std::optional<std::string> why_no_nccl();

// Identifies a communicator. The communicator's rank 0 makes the id and sends it to the others.
using NcclId = std::array<std::byte, 128>;

// Absent if there is no NCCL, or if the id cannot be made, which is logged.
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
  std::chrono::seconds slice;  // until a slice has arrived
};

// Only one thread may use an object. If anything fails, the communicator is aborted, so that no kernel waits
// on the GPU; then NcclError is thrown.
class NcclBroadcast : public WeightBroadcast {
 public:
  // Collective. Throws ConfigError if there is no NCCL; else NcclError.
  NcclBroadcast(const NcclPlace& place, const c10::Device& device, const NcclTimeouts& timeouts);
  ~NcclBroadcast() override;  // aborts the communicator unless it was closed
  NcclBroadcast(const NcclBroadcast&) = delete;
  NcclBroadcast& operator=(const NcclBroadcast&) = delete;

  int rank() const override;
  std::span<const int> readers() const override;
  void broadcast(void* memory, std::int64_t n_bytes, int root, const c10::Stream& stream) override;
  void wait_until(const std::function<bool()>& is_done) override;

  // Collective; to be called when everything that was queued is done. Frees NCCL's memory on the GPU and its
  // connections. Throws nothing, because other code notices a rank that is lost from now on.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvcompare
