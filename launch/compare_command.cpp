#include "launch/compare_command.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include <sched.h>
#include <unistd.h>

#include <ATen/Parallel.h>

#include "common/directory_lock.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/version.h"
#include "coordinator/aggregate.h"
#include "coordinator/plan.h"
#include "coordinator/progress.h"
#include "coordinator/reports/run_record.h"
#include "coordinator/reports/table.h"
#include "coordinator/reports/write_reports.h"
#include "launch/in_process_session.h"
#include "launch/job.h"
#include "launch/standard_output.h"
#include "launch/stop_signal.h"
#include "worker/layerwise_engine.h"
#include "worker/stepwise_engine.h"

namespace kvcompare {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The cores that this process may use.
int n_usable_cores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));  // more than CPU_SETSIZE cores
}

std::unique_ptr<Engine> make_engine(const Job& job, const LoadedModel& loaded, int n_threads) {
  const ScorerResources resources{loaded.kvzap ? &*loaded.kvzap : nullptr};
  const auto chunk_size = job.spec.chunk_size;
  if (loaded.packed)
    return make_tiled_engine(*loaded.packed, resources, {.chunk_size = chunk_size, .n_threads = n_threads});
  if (job.spec.engine == "layerwise")
    return make_layerwise_engine(*loaded.model, resources, {.chunk_size = chunk_size});
  return make_stepwise_engine(*loaded.model, resources, {.chunk_size = chunk_size});
}

// One worker a GPU. On the CPU one for the tiled engine, which uses all threads by itself; else one a thread,
// as many as there are units for.
std::vector<LocalWorker> make_workers(const Job& job, int n_threads, std::size_t n_units) {
  const bool on_cpu = job.devices.front().is_cpu(), tiled = job.models.front()->packed != nullptr;
  const auto n_workers = !on_cpu ? job.devices.size()
                         : tiled ? 1
                                 : std::clamp<std::size_t>(n_units, 1, static_cast<std::size_t>(n_threads));
  std::vector<LocalWorker> workers;
  for (std::size_t w = 0; w < n_workers; ++w) {
    const auto& loaded = *job.models[on_cpu ? 0 : w];
    workers.push_back({job.devices[on_cpu ? 0 : w].str(), [&job, &loaded, n_threads] {
                         return std::make_unique<Evaluator>(make_engine(job, loaded, n_threads));
                       }});
  }
  return workers;
}

Gathered evaluate(const Job& job, const std::vector<LocalWorker>& workers, const Plan& plan) {
  Progress progress(std::cerr, stderr_style(), std::ssize(plan.units));
  const CoordinatorHooks hooks{[&](std::int64_t n_done, std::int64_t) { progress.update(n_done); },
                               stop_signalled};
  return run_in_process(workers, plan, job.samples, job.spec.methods, hooks);
}

RunRecord start_record(const std::vector<std::string>& arguments) {
  RunRecord record;
  record.started = std::chrono::system_clock::now();
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) == 0) record.host = host;
  record.kvcompare_version = kVersion;
  record.libtorch_version = KVCOMPARE_TORCH_VERSION;
  record.compiler = KVCOMPARE_COMPILER;
  record.command_line = arguments;
  return record;
}

std::string names_of(const std::vector<c10::Device>& devices) {
  std::string names;
  for (const auto& device : devices) names += (names.empty() ? "" : ",") + device.str();
  return names;
}

// The table is printed even where the files cannot be written: the numbers have cost hours.
void publish(const std::filesystem::path& folder, const Comparison& comparison, const RunRecord& record) {
  try {
    write_reports(folder, comparison, record);
  } catch (const OutputError&) {
    print(table(comparison));
    throw;
  }
  print(table(comparison));
}

bool any_unit_failed(const Comparison& comparison) {
  return std::ranges::any_of(comparison.methods, [](const auto& method) { return !method.failed.empty(); });
}

}  // namespace

ExitCode run_compare(const CompareCommand& command) {
  install_stop_signals();
  RunRecord record = start_record(command.arguments);
  const DirectoryLock lock(command.options.output_dir);
  const int n_threads = command.options.threads.value_or(n_usable_cores());
  at::set_num_threads(n_threads);  // for loading; a worker sets its own
  const auto start = Clock::now();
  const auto job = load_job(command.spec, command.options);
  record.load_seconds = seconds_since(start);
  const auto plan = make_plan(job.samples, job.spec.methods.size());
  if (plan.units.empty())
    throw DataError(command.spec.data_path, 0,
                    "no sample has two tokens or more: there is nothing to predict");
  log_info(std::to_string(job.samples.size()) + " samples, " + std::to_string(job.spec.methods.size()) +
           " methods, chunk_size " + std::to_string(job.spec.chunk_size) + ", " + to_string(*job.spec.dtype) +
           " on " + job.spec.device_type);
  const auto workers = make_workers(job, n_threads, plan.units.size());
  record.device = names_of(job.devices);
  record.n_threads = job.models.front()->packed ? n_threads : static_cast<int>(workers.size());
  const auto gathered = evaluate(job, workers, plan);
  if (gathered.interrupted) {
    log_warning("interrupted after " + std::to_string(gathered.units.size()) + " of " +
                std::to_string(plan.units.size()) + " units; nothing was written. Run again to start over");
    return ExitCode::kInterrupted;
  }
  record.evaluate_seconds = gathered.evaluate_seconds;
  const auto comparison = aggregate(job.spec, plan, gathered);
  record.finished = std::chrono::system_clock::now();
  publish(command.options.output_dir, comparison, record);
  check_effect(job.spec, gathered);
  return any_unit_failed(comparison) ? ExitCode::kQuarantinedUnits : ExitCode::kComplete;
}

}  // namespace kvcompare
