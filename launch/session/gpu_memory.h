// The memory plan of a run: what worker/gpu/memory_plan.h computes, of this job on these GPUs.
#pragma once

#include <cstdint>

#include "common/run/run_options.h"
#include "launch/session/job.h"
#include "worker/gpu/memory_plan.h"

namespace kvcompare {

// Of a worker on a GPU that it shares with n_sharing - 1 others. Throws ConfigError if the weights do not
// fit.
MemoryPlan plan_gpu_memory(const Job& job, const RunOptions& options, const GpuMemory& memory, int n_sharing);

// A line in the log if the GPU engine is to run. Uses no GPU: what other processes have there is not known.
//   longest   : tokens of the longest sample
//   n_sharing : ranks on the first GPU
// Throws ConfigError if the weights do not fit.
void tell_memory_plan(const Job& job, const RunOptions& options, std::int64_t longest, int n_sharing);

}  // namespace kvcompare
