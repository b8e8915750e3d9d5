#include "launch/session/job.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "common/errors.h"
#include "common/files/hub_cache.h"
#include "common/log.h"
#include "common/run/instance_name.h"
#include "common/run/method_parameters.h"
#include "presses/registry.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/scores_folder.h"
#include "worker/devices/device.h"

namespace kvcompare {
namespace {

// So that the run does not fail late, and a missing scorer is told with what to do about it.
std::filesystem::path scorer_folder(const std::string& method, const MethodParameter& place) {
  try {
    return resolve_model(place.name, value_as<std::string>(place));
  } catch (const ConfigError& error) {
    throw ConfigError(error.key, error.problem + "\n" + method +
                                     " needs a scorer trained for the model; to compare without it, name the "
                                     "others in --methods (kvcompare presses lists them)");
  }
}

std::filesystem::path scores_folder(const MethodParameter& place) {
  std::filesystem::path folder = value_as<std::string>(place);
  if (std::error_code error; !std::filesystem::is_directory(folder, error))
    throw ConfigError(place.name, "'" + folder.string() + "' is no folder; give one with a file " +
                                      sample_file_name(SampleIndex(0)) +
                                      " of scores for every sample (docs/your_own_method.md)");
  return folder;
}

void find_scorers(Job& job) {
  for (const auto& method : job.spec.methods) {
    const auto* place = find_parameter(method, ParameterRole::kPlace);
    if (!place) continue;
    const auto& name = value_as<std::string>(*place);
    if (is_place_of_scores(place->name))
      job.scores.emplace(name, scores_folder(*place));
    else
      job.scorers.emplace(name, scorer_folder(method.name, *place));
  }
}

// What each scorer is; a kind that was asked for must be that one.
void read_kinds_of_scorers(Job& job) {
  for (auto& method : job.spec.methods) {
    auto* kind = find_parameter(method, ParameterRole::kKind);
    if (!kind) continue;
    const auto asked = value_as<std::string>(*kind);
    kind->value = kvzap_model_type(job.scorers.at(text_of_role(method, ParameterRole::kPlace)),
                                   job.config.decoder, asked.empty() ? std::nullopt : std::optional(asked));
  }
}

}  // namespace

void drop_repeated(std::vector<MethodSpec>& instances) {
  std::vector<MethodSpec> once;
  for (auto& instance : instances)
    if (std::ranges::find(once, instance) == once.end()) once.push_back(std::move(instance));
  instances = std::move(once);
}

Job read_job(const RunSpec& spec, const RunOptions& options) {
  Job job{.spec = spec,
          .model = resolve_model("model_name", spec.model_name),
          .scorers = {},
          .scores = {},
          .config = {},
          .devices = choose_devices(options.device, options.num_gpus),
          .engine = {}};
  find_scorers(job);
  job.config = read_model_config(job.model / "config.json");
  job.spec.dtype = choose_dtype(spec.dtype, job.config.stored_dtype, job.devices.front());
  if (spec.engine == "auto") job.spec.engine = "layerwise";
  job.spec.device_type = job.devices.front().is_cpu() ? "cpu" : "cuda";
  job.engine = engine_kind(job.spec.engine, job.devices.front(), *job.spec.dtype);
  if (job.engine == EngineKind::kStepwise && job.spec.engine == "layerwise") {
    log_warning("float64 on a GPU is computed by --engine stepwise, which is slow; --device cpu is faster");
    job.spec.engine = "stepwise";
  }
  if (job.engine == EngineKind::kGpu)
    for (const auto& method : job.spec.methods)
      if (std::holds_alternative<HostSchedule>(device_schedule(method)))  // throws if there is none
        log_info(instance_name(method) + ": the host decides which keys die, and the GPU waits for it");
  read_kinds_of_scorers(job);
  drop_repeated(job.spec.methods);
  return job;
}

}  // namespace kvcompare
