#include "launch/session/gpu_memory.h"

#include <filesystem>
#include <system_error>

#include "common/errors.h"
#include "common/log.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

std::int64_t bytes_of_scorers(const Job& job) {
  std::int64_t bytes = 0;
  for (const auto& [place, folder] : job.scorers) {
    std::error_code error;
    for (fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error))
      if (file->path().extension() == ".safetensors")
        if (const auto size = file->file_size(error); !error) bytes += static_cast<std::int64_t>(size);
    if (error) throw CheckpointError(folder.string(), "", "cannot be read: " + error.message());
  }
  return bytes;
}

}  // namespace

MemoryPlan plan_gpu_memory(const Job& job, const RunOptions& options, const GpuMemory& memory,
                           int n_sharing) {
  return MemoryPlan({.config = job.config,
                     .dtype = *job.spec.dtype,
                     .chunk_size = job.spec.chunk_size,
                     .n_rows = kGpuBlockRows,
                     .scorer_bytes = bytes_of_scorers(job),
                     .max_weight_memory = options.max_weight_memory},
                    memory, n_sharing);
}

void tell_memory_plan(const Job& job, const RunOptions& options, std::int64_t longest, int n_sharing) {
  if (!has_gpu_engine(job)) return;
  const auto bytes = describe_gpu(job.devices.front().index()).total_bytes;
  log_info(plan_gpu_memory(job, options, {.free_bytes = bytes, .total_bytes = bytes}, n_sharing)
               .summary(job.spec.methods, longest));
}

}  // namespace kvcompare
