#include "launch/commands/train_kvzap_command.h"

#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/host_name.h"
#include "common/log.h"
#include "common/messages/mpi_environment.h"
#include "common/usable_cores.h"
#include "launch/commands/kvzap_training.h"
#include "launch/session/mpi_session.h"
#include "launch/session/standard_output.h"
#include "launch/session/stop_signal.h"
#include "launch/session/thread_supply.h"
#include "launch/session/workers.h"
#include "worker/checkpoint/model_hash.h"
#include "worker/checkpoint/weights.h"
#include "worker/devices/device.h"
#include "worker/devices/machine_numerics.h"
#include "worker/engine/failure_kind.h"
#include "worker/model/model.h"
#include "worker/training/prompt_loop.h"

namespace kvcompare {
namespace {

struct PromptWorkerPlace {
  c10::Device device;
  int n_threads;
  std::string model_hash;
};

void work_on_prompts(Messenger& messenger, const Job& job, const PromptWorkerPlace& place) {
  try {
    const auto decoder = job.config.decoder;
    const Model model(decoder, load_weights(job.model, decoder, scalar_type(*job.spec.dtype), place.device));
    run_prompt_worker(messenger, model,
                      {.host = host_name(),
                       .device = place.device.str(),
                       .n_tokens_at_once = 0,
                       .model = place.model_hash,
                       .numerics = machine_numerics(place.device, "")},
                      job.spec.max_length, place.device.is_cpu() ? place.n_threads : 1);
  } catch (...) {
    rethrow_naming(full_name(place.device), std::current_exception());
  }
}

// The workers of a process without other ranks: one for each GPU, or one with all threads on the CPU. The job
// must outlive them.
std::vector<LocalWorker> make_prompt_workers(const Job& job, const std::string& model, int n_threads) {
  std::vector<LocalWorker> workers;
  for (const auto& device : job.devices)
    workers.push_back([&job, place = PromptWorkerPlace{device, n_threads, model}](Messenger& messenger) {
      work_on_prompts(messenger, job, place);
    });
  return workers;
}

LocalWorker make_remote_prompt_worker(const TrainKvzapCommand& command, const PlaceOnHost& place) {
  return [command, place](Messenger& messenger) {
    const auto job = training_job(command);
    work_on_prompts(messenger, job,
                    {device_of(job.devices, command.options, place), threads_of(command.options, place),
                     model_hash(job.model)});
  };
}

constexpr const char* kTrainingStopped =
    "kvcompare: interrupted before the training went on; what was done before is safe; run again with "
    "--resume to go on\n";

PromptCollection::Required required_of(const KvzapTraining& training) {
  return {.model = training.model_hash(),
          .device_type = training.job().spec.device_type,
          .mixed_hardware = training.mixed_hardware()};
}

ExitCode interrupted() {
  log_warning("interrupted; run again with --resume to go on");
  return ExitCode::kInterrupted;
}

ExitCode told_complete(const TrainKvzapCommand& command) {
  print("The scorer in " + command.options.output_dir.string() + " is complete already.\n");
  return ExitCode::kComplete;
}

ExitCode run_alone(const TrainKvzapCommand& command) {
  const int n_threads = command.options.threads.value_or(usable_cores().n);
  use_threads_of_libtorch(n_threads);
  KvzapTraining training(command, n_threads);
  if (training.is_complete()) return told_complete(command);
  if (training.needs_workers()) {
    LocalWorkers workers(make_prompt_workers(training.job(), training.model_hash(), n_threads));
    PromptCollection collection(workers.coordinator_endpoint(), workers.size(), required_of(training));
    const bool has_all = training.collect(collection);
    if (!has_all && !collection.all_are_ready())
      std::_Exit(static_cast<int>(interrupted()));  // a thread that is loading cannot be stopped
    collection.dismiss();
    if (!has_all) return interrupted();
  }
  const auto fitted = training.fit([] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); });
  return fitted ? training.finish(*fitted) : interrupted();
}

// Rank 0's part. The other ranks wait for the end of the fit without work, because rank 0 alone fits.
ExitCode coordinate_ranks(const TrainKvzapCommand& command, MpiEnvironment& mpi, MpiMessenger& remote,
                          const PlaceOnHost& place) {
  const auto& options = command.options;
  const int n_threads = threads_of(options, place);
  std::optional<KvzapTraining> training;
  std::optional<LocalWorkers> local;
  std::optional<FittedLayers> fitted;
  while_others_wait(mpi, remote, [&] {
    training.emplace(command, n_threads);
    if (!options.dedicated_coordinator) {
      const PromptWorkerPlace here{device_of(training->job().devices, options, place), n_threads,
                                   training->model_hash()};
      local.emplace(std::vector<LocalWorker>{
          [&job = training->job(), here](Messenger& messenger) { work_on_prompts(messenger, job, here); }});
    }
    CoordinatorSession session(mpi, remote, local ? &*local : nullptr);
    PromptCollection collection(session, session.n_workers(), required_of(*training));
    if (!training->is_complete()) {
      const bool has_all = training->collect(collection);
      if (!has_all && !collection.all_are_ready()) mpi.abort(interrupted());
      if (has_all) fitted = training->fit([&] { collection.idle(std::chrono::milliseconds(100)); });
    }
    collection.dismiss();
  });
  if (training->is_complete()) return told_complete(command);
  return fitted ? training->finish(*fitted) : interrupted();
}

}  // namespace

ExitCode run_train_kvzap(const TrainKvzapCommand& command) {
  end_at_once_on_stop(kTrainingStopped);
  if (n_launched_processes() == 1) return run_alone(command);
  return run_as_rank(
      command.options,
      {.coordinate = [&](auto& mpi, auto& remote,
                         const auto& place) { return coordinate_ranks(command, mpi, remote, place); },
       .worker = [&](const auto&, const auto& place) { return make_remote_prompt_worker(command, place); }});
}

}  // namespace kvcompare
