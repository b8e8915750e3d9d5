#include "launch/commands/compare_command.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include "common/errors.h"
#include "common/log.h"
#include "common/messages/mpi_messenger.h"
#include "common/usable_cores.h"
#include "launch/commands/dry_run.h"
#include "launch/session/coordination.h"
#include "launch/session/gpu_memory.h"
#include "launch/session/mpi_session.h"
#include "launch/session/report_error.h"
#include "launch/session/runnable_methods.h"
#include "launch/session/stop_signal.h"
#include "launch/session/thread_supply.h"
#include "launch/session/weight_sharing.h"
#include "launch/session/workers.h"

namespace kvcompare {
namespace {

constexpr const char* kComparisonStopped =
    "kvcompare: interrupted before a unit was evaluated; what was done before is safe; run again with "
    "--resume to continue\n";

std::string devices_of(const Job& job) {
  std::string names;
  for (const auto& device : job.devices) names += (names.empty() ? "" : ",") + device.str();
  return names;
}

ExitCode run_alone(const CompareCommand& command) {
  const auto& options = command.options;
  const int n_threads = options.threads.value_or(usable_cores().n);
  use_threads_of_libtorch(n_threads);  // for loading; a worker sets its own number
  Coordination run(command, {.n_threads = n_threads});
  if (run.n_units() > 0) {
    tell_memory_plan(run.job(), options, run.longest_sample(), 1);
    LocalWorkers workers(make_workers(run.job(), options, run.model_hash(), n_threads, run.n_units()));
    const bool greedy = run.job().engine == EngineKind::kTiled;
    try {
      run.evaluate(workers.coordinator_endpoint(),
                   {.n_processes = 1,
                    .n_workers = workers.size(),
                    .n_threads = greedy ? n_threads : workers.size(),
                    .device = devices_of(run.job())},
                   // Worker threads cannot be stopped.
                   [] { std::_Exit(static_cast<int>(ExitCode::kInterrupted)); });
    } catch (const DeviceLost& error) {
      // Nothing on the failed device can be freed any more, and workers on other devices are not waited for.
      report_error(error.what());
      std::_Exit(static_cast<int>(error.exit_code()));
    }
  }
  return run.finish();
}

// Rank 0's part. An error before the workers are done ends all ranks.
ExitCode coordinate_ranks(const CompareCommand& command, MpiEnvironment& mpi, MpiMessenger& remote,
                          const PlaceOnHost& place) {
  const auto& options = command.options;
  const int n_threads = threads_of(options, place);
  const auto sharing = agree_on_sharing(mpi, command.spec, options, place, !options.dedicated_coordinator);
  std::optional<Coordination> run;
  std::optional<LocalWorkers> local;
  while_others_wait(mpi, remote, [&] {
    run.emplace(command, SearchPlace{.n_threads = n_threads, .on_host = place});
    tell_memory_plan(run->job(), options, run->longest_sample(),
                     std::max(1, n_ranks_on_device(run->job().devices, place)));
    if (!options.dedicated_coordinator)
      local.emplace(std::vector{make_rank_worker(run->job(), options, run->model_hash(), {place, sharing})});
    CoordinatorSession session(mpi, remote, local ? &*local : nullptr);
    run->evaluate(session,
                  {.n_processes = mpi.size(),
                   .n_workers = session.n_workers(),
                   .n_threads = n_threads,
                   .device = devices_of(run->job())},
                  [&] { mpi.abort(ExitCode::kInterrupted); });
  });
  return run->finish();
}

}  // namespace

ExitCode run_compare(const CompareCommand& command) {
  end_at_once_on_stop(kComparisonStopped);
  if (command.options.dry_run) {
    if (n_launched_processes() > 1)
      throw ConfigError("--dry_run",
                        "tells what a run would take from one process; leave mpirun or srun out");
    return run_dry(with_runnable_methods(command));
  }
  if (n_launched_processes() == 1) return run_alone(with_runnable_methods(command));
  return run_as_rank(command.options,
                     {.coordinate =
                          [&](auto& mpi, auto& remote, const auto& place) {
                            return coordinate_ranks(with_runnable_methods(command, mpi), mpi, remote, place);
                          },
                      .worker =
                          [&](const auto& mpi, const auto& place) {
                            const auto runnable = with_runnable_methods(command, mpi);
                            const auto sharing =
                                agree_on_sharing(mpi, runnable.spec, runnable.options, place, true);
                            return make_remote_worker(runnable.spec, runnable.options, {place, sharing});
                          }});
}

}  // namespace kvcompare
