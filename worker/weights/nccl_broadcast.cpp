#include "worker/weights/nccl_broadcast.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <dlfcn.h>
#include <nccl.h>

#include <c10/core/DeviceGuard.h>

#include "common/log.h"
#include "common/messages/backoff.h"
#include "worker/devices/gpus.h"

namespace kvcompare {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kOldestVersion = 21400;  // the first with calls that do not block

static_assert(sizeof(NcclId) == sizeof(ncclUniqueId));

std::string version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
         std::to_string(version % 100);
}

// The functions of libnccl.so.2 that are used here. The library stays loaded, because libtorch may use it
// too.
struct NcclLibrary {
  decltype(&ncclGetVersion) get_version = nullptr;
  decltype(&ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&ncclCommInitRankConfig) comm_init_rank_config = nullptr;
  decltype(&ncclCommGetAsyncError) comm_get_async_error = nullptr;
  decltype(&ncclCommFinalize) comm_finalize = nullptr;
  decltype(&ncclCommDestroy) comm_destroy = nullptr;
  decltype(&ncclCommAbort) comm_abort = nullptr;
  decltype(&ncclBroadcast) broadcast = nullptr;
  decltype(&ncclGetErrorString) get_error_string = nullptr;
  decltype(&ncclGetLastError) get_last_error = nullptr;
};

// Either a loaded NCCL, or the reason why there is none.
struct NcclSearch {
  NcclLibrary library;
  std::optional<std::string> problem;
};

NcclSearch load_nccl() {
  NcclSearch search;
  void* handle = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  const char* reason = handle ? nullptr : ::dlerror();
  // The library whose header this program was built with.
  if (!handle) handle = ::dlopen(KVCOMPARE_NCCL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    search.problem = "there is no NCCL: " + std::string(reason ? reason : "libnccl.so.2 cannot be loaded") +
                     "; install libnccl2, or run launch/setup.sh";
    return search;
  }
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
    if (!function) search.problem = std::string("libnccl.so.2 has no ") + name + "; a newer one is needed";
  };
  auto& nccl = search.library;
  find(nccl.get_version, "ncclGetVersion");
  find(nccl.get_unique_id, "ncclGetUniqueId");
  find(nccl.comm_init_rank_config, "ncclCommInitRankConfig");
  find(nccl.comm_get_async_error, "ncclCommGetAsyncError");
  find(nccl.comm_finalize, "ncclCommFinalize");
  find(nccl.comm_destroy, "ncclCommDestroy");
  find(nccl.comm_abort, "ncclCommAbort");
  find(nccl.broadcast, "ncclBroadcast");
  find(nccl.get_error_string, "ncclGetErrorString");
  find(nccl.get_last_error, "ncclGetLastError");
  if (search.problem) return search;
  int version = 0;
  if (nccl.get_version(&version) != ncclSuccess || version < kOldestVersion)
    search.problem = "NCCL is of version " + version_text(version) + "; " + version_text(kOldestVersion) +
                     " or newer is needed";
  return search;
}

// Looks for the driver first, because without one NCCL makes an id and fails only later.
NcclSearch find_nccl() {
  const auto facts = gpu_facts();
  if (facts.n_gpus() == 0) return {{}, why_no_gpu(facts)};
  return load_nccl();
}

NcclLibrary required_nccl() {
  const auto search = find_nccl();
  if (search.problem) throw ConfigError("weight_broadcast", *search.problem);
  return search.library;
}

}  // namespace

std::optional<std::string> why_no_nccl() { return find_nccl().problem; }

std::optional<NcclId> make_nccl_id() {
  const auto search = find_nccl();
  if (search.problem) {
    log_warning("NCCL: " + *search.problem);
    return std::nullopt;
  }
  const auto& nccl = search.library;
  ncclUniqueId made;
  if (const auto status = nccl.get_unique_id(&made); status != ncclSuccess) {
    log_warning(std::string("ncclGetUniqueId: ") + nccl.get_error_string(status) + " (" +
                nccl.get_last_error(nullptr) + ")");
    return std::nullopt;
  }
  NcclId id;
  std::memcpy(id.data(), &made, sizeof made);
  return id;
}

class NcclBroadcast::Impl {
 public:
  Impl(const NcclPlace& place, const c10::Device& device, const NcclTimeouts& timeouts)
      : nccl_(required_nccl()), place_(place), device_(device), timeouts_(timeouts) {
    const c10::DeviceGuard guard(device_);
    ncclUniqueId id;
    std::memcpy(&id, place.id.data(), sizeof id);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    settle(nccl_.comm_init_rank_config(&comm_, place.n_ranks, id, place.rank, &config),
           "ncclCommInitRankConfig", timeouts_.start);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { abort(); }

  const NcclPlace& place() const { return place_; }

  void broadcast(void* memory, std::int64_t n_bytes, int root, const c10::Stream& stream) {
    require(comm_ != nullptr, "a broadcast over a communicator that is no more");
    const c10::DeviceGuard guard(device_);
    settle(nccl_.broadcast(memory, memory, static_cast<std::size_t>(n_bytes), ncclUint8, root, comm_,
                           static_cast<cudaStream_t>(stream.native_handle())),
           "ncclBroadcast", timeouts_.slice);
  }

  void wait_until(const std::function<bool()>& is_done) {
    require(comm_ != nullptr, "a wait for a communicator that is no more");
    const auto deadline = Clock::now() + timeouts_.slice;
    for (Backoff backoff; !is_done(); backoff.wait()) {
      if (const auto status = state(); status != ncclSuccess && status != ncclInProgress)
        fail("ncclBroadcast", status);
      if (Clock::now() >= deadline) fail_late("ncclBroadcast", timeouts_.slice);
    }
  }

  void close() {
    if (comm_ == nullptr) return;
    const c10::DeviceGuard guard(device_);
    try {
      settle(nccl_.comm_finalize(comm_), "ncclCommFinalize", timeouts_.slice);
      nccl_.comm_destroy(std::exchange(comm_, nullptr));
    } catch (const NcclError& error) {
      log_debug(std::string("the weights are loaded; then ") + error.what());
    }
  }

 private:
  // The state of the previous call.
  ncclResult_t state() const {
    ncclResult_t status = ncclSuccess;
    const auto asked = nccl_.comm_get_async_error(comm_, &status);
    return asked == ncclSuccess ? status : asked;
  }

  // No call of NCCL blocks. A call is complete when the communicator says so.
  void settle(ncclResult_t status, const char* call, std::chrono::seconds timeout) {
    const auto deadline = Clock::now() + timeout;
    for (Backoff backoff; status == ncclInProgress; status = state()) {
      if (Clock::now() >= deadline) fail_late(call, timeout);
      backoff.wait();
    }
    if (status != ncclSuccess) fail(call, status);
  }

  [[noreturn]] void fail(const char* call, ncclResult_t status) {
    const std::string last = nccl_.get_last_error(comm_);
    end(call, nccl_.get_error_string(status) + (last.empty() ? "" : " (" + last + ")"));
  }

  [[noreturn]] void fail_late(const char* call, std::chrono::seconds timeout) {
    end(call, "the other ranks have not answered for " + std::to_string(timeout.count()) + " s");
  }

  [[noreturn]] void end(const char* call, const std::string& problem) {
    abort();
    throw NcclError(call, problem +
                              "; NCCL_DEBUG=INFO tells more, and with --weight_broadcast off each rank "
                              "reads the weights for itself");
  }

  void abort() {
    if (comm_ != nullptr) nccl_.comm_abort(std::exchange(comm_, nullptr));
  }

  const NcclLibrary nccl_;
  const NcclPlace place_;
  const c10::Device device_;
  const NcclTimeouts timeouts_;
  ncclComm_t comm_ = nullptr;
};

NcclBroadcast::NcclBroadcast(const NcclPlace& place, const c10::Device& device, const NcclTimeouts& timeouts)
    : impl_(std::make_unique<Impl>(place, device, timeouts)) {}
NcclBroadcast::~NcclBroadcast() = default;

int NcclBroadcast::rank() const { return impl_->place().rank; }
std::span<const int> NcclBroadcast::readers() const { return impl_->place().readers; }
void NcclBroadcast::broadcast(void* memory, std::int64_t n_bytes, int root, const c10::Stream& stream) {
  impl_->broadcast(memory, n_bytes, root, stream);
}
void NcclBroadcast::wait_until(const std::function<bool()>& is_done) { impl_->wait_until(is_done); }
void NcclBroadcast::close() { impl_->close(); }

}  // namespace kvcompare
