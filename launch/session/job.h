// What every process of a run reads for itself, small files alone: the model's configuration, where model and
// scorers lie, which devices there are, and what follows from all that.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "common/run/run_options.h"
#include "common/run/run_spec.h"
#include "worker/checkpoint/model_config.h"
#include "worker/engine/engine_kind.h"

namespace kvcompare {

struct Job {
  RunSpec spec;                 // engine, dtype, device_type and the kind of trained scorers filled in
  std::filesystem::path model;  // folder
  // Folders of the trained scorers that instances need, by the place that names them.
  std::map<std::string, std::filesystem::path> scorers;
  // Folders of scores that were computed elsewhere, likewise.
  std::map<std::string, std::filesystem::path> scores;
  ModelConfig config;
  std::vector<c10::Device> devices;  // of the workers
  EngineKind engine;                 // that they compute with
};

// Instances that were asked for in several ways, such as with a kind of scorer and without, may turn out to
// be the same one: it is evaluated once.
void drop_repeated(std::vector<MethodSpec>& instances);

// Throws ConfigError or CheckpointError.
Job read_job(const RunSpec& spec, const RunOptions& options);

}  // namespace kvcompare
