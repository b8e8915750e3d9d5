// Tells in the log, before the run, how the memory of its GPUs will be used (worker/gpu/memory_plan.h).
#pragma once

#include <cstdint>

#include "common/run/run_options.h"
#include "launch/session/job.h"

namespace kvcompare {

// Writes a line to the log if the GPU engine is to run. Uses no GPU, so it is not known what other processes
// have there. Throws ConfigError if the weights do not fit.
//   longest   : tokens of the longest sample
//   n_sharing : number of ranks on the first GPU
void tell_memory_plan(const Job& job, const RunOptions& options, std::int64_t longest, int n_sharing);

}  // namespace kvcompare
