#include "launch/session/workers.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "common/errors.h"
#include "common/host_name.h"
#include "common/plural.h"
#include "worker/checkpoint/model_hash.h"
#include "worker/devices/device.h"
#include "worker/devices/machine_numerics.h"
#include "worker/engine/failure_kind.h"

namespace kvcompare {
namespace {

// A model that several workers use; the first one that needs it loads it.
class SharedModel {
 public:
  LoadedModel& get(const Job& job, const c10::Device& device, const RunOptions& options,
                   const GpuSharing& sharing) {
    std::call_once(once_, [&] { loaded_ = load_model(engine_inputs(job, options), device, sharing); });
    return *loaded_;
  }

 private:
  std::once_flag once_;
  std::unique_ptr<LoadedModel> loaded_;
};

struct WorkerPlace {
  c10::Device device;
  int n_threads;
  std::string model_hash;
  GpuSharing sharing = {};
};

ReadyWorker get_ready(const Job& job, const RunOptions& options, const WorkerPlace& place,
                      SharedModel& model) {
  const auto device = full_name(place.device);
  try {
    auto& loaded = model.get(job, place.device, options, place.sharing);
    auto engine = loaded.make_engine(place.n_threads);
    return {.hello = {.host = host_name(),
                      .device = place.device.str(),
                      .n_tokens_at_once = 0,
                      .model = place.model_hash,
                      .weights = loaded.weights_hash(),
                      .numerics = machine_numerics(place.device, engine->instruction_set())},
            .evaluator = std::make_unique<Evaluator>(std::move(engine), device, options.reference_memory)};
  } catch (...) {
    rethrow_naming(device, std::current_exception());
  }
}

bool reads_files(const std::optional<NcclPlace>& sharing) {
  return !sharing || std::ranges::find(sharing->readers, sharing->rank) != sharing->readers.end();
}

GpuSharing sharing_of(const Job& job, const RunOptions& options, const RankPlace& place) {
  return {.reading = place.sharing,
          .timeouts = {.start = std::chrono::seconds(options.start_timeout),
                       .slice = std::chrono::seconds(options.rank_timeout)},
          .n_on_gpu = n_ranks_on_device(job.devices, place.on_host)};
}

LocalWorker make_worker(const Job& job, const RunOptions& options, const WorkerPlace& place,
                        const std::shared_ptr<SharedModel>& model) {
  return evaluating_worker([&job, options, place, model] { return get_ready(job, options, place, *model); },
                           options.computed_log);
}

}  // namespace

c10::Device device_of(const std::vector<c10::Device>& devices, const RunOptions& options,
                      const PlaceOnHost& place) {
  const auto n_devices = static_cast<int>(devices.size());
  if (devices.front().is_cpu()) return devices.front();
  if (place.n_ranks > n_devices && !options.share_gpu)
    throw ConfigError("share_gpu",
                      counted(place.n_ranks, "rank") + " on " + host_name() + " see " +
                          counted(n_devices, "GPU") +
                          "; start one a GPU, or let them share with --share_gpu. All ranks of a "
                          "host are to see all its GPUs: no --gpus-per-task, no --gpu-bind");
  return devices[static_cast<std::size_t>(place.index % n_devices)];
}

int n_ranks_on_device(const std::vector<c10::Device>& devices, const PlaceOnHost& place) {
  const auto n_devices = static_cast<int>(devices.size());
  return (place.n_ranks - place.index % n_devices + n_devices - 1) / n_devices;
}

int threads_of(const RunOptions& options, const PlaceOnHost& place) {
  return options.threads.value_or(place.n_cores);
}

EngineInputs engine_inputs(const Job& job, const RunOptions& options) {
  return {.kind = job.engine,
          .model = job.model,
          .decoder = job.config.decoder,
          .scorers = job.scorers,
          .scores = job.scores,
          .dtype = *job.spec.dtype,
          .chunk_size = job.spec.chunk_size,
          .protocol = protocol_of(job.spec),
          .methods = job.spec.methods,
          .max_weight_memory = options.max_weight_memory};
}

std::vector<LocalWorker> make_workers(const Job& job, const RunOptions& options, const std::string& model,
                                      int n_threads, std::size_t n_units) {
  std::vector<LocalWorker> workers;
  if (!job.devices.front().is_cpu()) {
    for (const auto& device : job.devices)
      workers.push_back(make_worker(job, options, {device, 1, model}, std::make_shared<SharedModel>()));
    return workers;
  }
  const bool greedy = job.engine == EngineKind::kTiled;
  const auto n_workers = options.workers.value_or(
      greedy ? 1
             : static_cast<int>(std::clamp<std::size_t>(n_units, 1, static_cast<std::size_t>(n_threads))));
  auto loaded = std::make_shared<SharedModel>();
  for (int w = 0; w < n_workers; ++w) {
    workers.push_back(
        make_worker(job, options, {job.devices.front(), std::max(1, n_threads / n_workers), model}, loaded));
    // Weights that may be streamed belong to one engine.
    if (greedy) loaded = std::make_shared<SharedModel>();
  }
  return workers;
}

LocalWorker make_rank_worker(const Job& job, const RunOptions& options, const std::string& model,
                             const RankPlace& place) {
  return make_worker(job, options,
                     {device_of(job.devices, options, place.on_host), threads_of(options, place.on_host),
                      model, sharing_of(job, options, place)},
                     std::make_shared<SharedModel>());
}

LocalWorker make_remote_worker(const RunSpec& spec, const RunOptions& options, const RankPlace& place) {
  // The worker owns the job from which it is made.
  const auto job = std::make_shared<Job>();
  return evaluating_worker(
      [job, spec, options, place, model = std::make_shared<SharedModel>()] {
        *job = read_job(spec, options);
        return get_ready(
            *job, options,
            {device_of(job->devices, options, place.on_host), threads_of(options, place.on_host),
             reads_files(place.sharing) ? model_hash(job->model) : "", sharing_of(*job, options, place)},
            *model);
      },
      options.computed_log);
}

}  // namespace kvcompare
