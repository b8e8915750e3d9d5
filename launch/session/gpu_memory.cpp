#include "launch/session/gpu_memory.h"

#include "common/log.h"
#include "launch/session/workers.h"

namespace kvcompare {

void tell_memory_plan(const Job& job, const RunOptions& options, std::int64_t longest, int n_sharing) {
  if (job.engine != EngineKind::kGpu) return;
  const auto bytes = describe_gpu(job.devices.front().index()).total_bytes;
  log_info(
      plan_gpu_memory(engine_inputs(job, options), {.free_bytes = bytes, .total_bytes = bytes}, n_sharing)
          .summary(job.spec.methods, longest));
}

}  // namespace kvcompare
