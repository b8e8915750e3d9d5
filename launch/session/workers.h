// Makes the workers of a process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/messages/mpi_environment.h"
#include "common/run/run_options.h"
#include "launch/session/in_process_session.h"
#include "launch/session/job.h"
#include "worker/engines.h"

namespace kvcompare {

// The device of the rank at this place of its host; ranks take the GPUs in turn. Throws ConfigError if
// another rank has that GPU and ranks may not share one.
//   devices : of the host, as Job::devices
c10::Device device_of(const std::vector<c10::Device>& devices, const RunOptions& options,
                      const PlaceOnHost& place);

// The number of ranks on this host that share a device with this rank.
int n_ranks_on_device(const std::vector<c10::Device>& devices, const PlaceOnHost& place);

int threads_of(const RunOptions& options, const PlaceOnHost& place);

// What is needed to make the engines of a job.
EngineInputs engine_inputs(const Job& job, const RunOptions& options);

// The workers of a process without other ranks. On GPUs there is one worker for each GPU. On the CPU there
// are options.workers. The default is one worker for an engine that uses all threads by itself; else one for
// each thread, but no more than there are units. The job must outlive them.
std::vector<LocalWorker> make_workers(const Job& job, const RunOptions& options, const std::string& model,
                                      int n_threads, std::size_t n_units);

struct RankPlace {
  PlaceOnHost on_host;
  std::optional<NcclPlace> sharing;  // its place in the sharing of weights; absent: it reads for itself
};

// The worker of the coordinator's rank, on the device that belongs to its place on the host (device_of). The
// job must outlive it.
LocalWorker make_rank_worker(const Job& job, const RunOptions& options, const std::string& model,
                             const RankPlace& place);

// The worker of another rank. When it gets ready it reads the job for itself; only weights may be sent to it.
LocalWorker make_remote_worker(const RunSpec& spec, const RunOptions& options, const RankPlace& place);

}  // namespace kvcompare
