// The workers of a process.
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

// Of the rank at this place: GPUs in turn. Throws ConfigError if another rank has that GPU and they are not
// to share.
//   devices : of the host, as Job::devices
c10::Device device_of(const std::vector<c10::Device>& devices, const RunOptions& options,
                      const PlaceOnHost& place);

// As many ranks of the host have the device of the rank at this place.
int n_ranks_on_device(const std::vector<c10::Device>& devices, const PlaceOnHost& place);

int threads_of(const RunOptions& options, const PlaceOnHost& place);

// What the engines of a job are made of.
EngineInputs engine_inputs(const Job& job, const RunOptions& options);

// Of a process that is alone: one worker a GPU. On the CPU options.workers; by default one for an engine that
// uses all threads by itself, else one a thread, as many as there are units for. job outlives them.
std::vector<LocalWorker> make_workers(const Job& job, const RunOptions& options, const std::string& model,
                                      int n_threads, std::size_t n_units);

struct RankPlace {
  PlaceOnHost on_host;
  std::optional<NcclPlace> sharing;  // of the reading of weights; absent: it reads for itself
};

// Of the coordinator's rank: one, on the device that its place on the host gives it (device_of). job outlives
// it.
LocalWorker make_rank_worker(const Job& job, const RunOptions& options, const std::string& model,
                             const RankPlace& place);

// Of another rank: reads for itself when it gets ready, but for weights that it is sent.
LocalWorker make_remote_worker(const RunSpec& spec, const RunOptions& options, const RankPlace& place);

}  // namespace kvcompare
