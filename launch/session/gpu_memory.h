// What the log says before the run about the memory of its GPUs (worker/gpu/memory_plan.h).
#pragma once

#include <cstdint>

#include "common/run/run_options.h"
#include "launch/session/job.h"

namespace kvcompare {

// A line in the log if the GPU engine is to run. Uses no GPU: what other processes have there is not known.
//   longest   : tokens of the longest sample
//   n_sharing : ranks on the first GPU
// Throws ConfigError if the weights do not fit.
void tell_memory_plan(const Job& job, const RunOptions& options, std::int64_t longest, int n_sharing);

}  // namespace kvcompare
