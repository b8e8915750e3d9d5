#include "common/log.h"
#include "worker/devices/gpus.h"
#include "worker/weights/nccl_broadcast.h"

namespace kvcompare {
namespace {

std::string what_is_missing() {
  const auto facts = gpu_facts();
  if (facts.n_gpus() == 0) return why_no_gpu(facts);
  return "this program was built without NCCL: its header nccl.h was not there; run launch/setup.sh and "
         "build again";
}

[[noreturn]] void refuse() { throw ConfigError("weight_broadcast", what_is_missing()); }

}  // namespace

std::optional<std::string> why_no_nccl() { return what_is_missing(); }

std::optional<NcclId> make_nccl_id() {
  log_warning("NCCL: " + what_is_missing());
  return std::nullopt;
}

class NcclBroadcast::Impl {};

NcclBroadcast::NcclBroadcast(const NcclPlace&, const c10::Device&, const NcclTimeouts&) { refuse(); }
NcclBroadcast::~NcclBroadcast() = default;

int NcclBroadcast::rank() const { refuse(); }
std::span<const int> NcclBroadcast::readers() const { refuse(); }
void NcclBroadcast::broadcast(void*, std::int64_t, int, const c10::Stream&) { refuse(); }
void NcclBroadcast::wait_until(const std::function<bool()>&) { refuse(); }
void NcclBroadcast::close() { refuse(); }

}  // namespace kvcompare
