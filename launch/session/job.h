// What a comparison works on: everything that is read before a unit is evaluated.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "common/data/dataset.h"
#include "common/run/model_shape.h"
#include "common/run/run_options.h"
#include "common/run/run_spec.h"
#include "coordinator/journal/fingerprint.h"
#include "coordinator/plan/cost_model.h"
#include "presses/methods/kvzap_surrogate.h"
#include "presses/registry.h"
#include "worker/checkpoint/model_config.h"
#include "worker/cpu/packed_weights.h"
#include "worker/engine/engine.h"
#include "worker/gpu/gpu_weights.h"
#include "worker/gpu/memory_plan.h"
#include "worker/model/model.h"
#include "worker/weights/nccl_broadcast.h"

namespace kvcompare {

// What every process reads for itself: small files alone.
struct Job {
  RunSpec spec;                 // engine, dtype, device_type and kvzap_model_type of instances filled in
  std::filesystem::path model;  // folder
  // Folders of the scorers that instances of kvzap need, by the place that names them.
  std::map<std::string, std::filesystem::path> scorers;
  ModelConfig config;
  std::vector<c10::Device> devices;  // of the workers
};

// Throws ConfigError or CheckpointError.
Job read_job(const RunSpec& spec, const RunOptions& options);

// What the coordinator alone reads.
struct JobData {
  Dataset dataset;
  InputHashes hashes;
  std::map<std::string, std::string> scorers;  // SHA-256, by the place that names the scorer
};

// Of the token ids.
std::string hash_of(std::span<const Sample> samples);

// With the hashes of the scorers in its instances.
RunSpec with_scorers(RunSpec spec, const JobData& data);

// Throws ConfigError, DataError or CheckpointError.
JobData read_data(const Job& job, int n_threads);

// What is too long, and what to do about it.
struct TooLong {
  std::string what;
  std::string remedy;
};

// Throws DataError if the model has an active sliding window that is shorter.
void refuse_beyond_window(std::int64_t n_tokens, const std::string& data_path, const ModelConfig& config,
                          const TooLong& told);

// A line in the log if the model was made for fewer.
void warn_beyond_positions(std::int64_t n_tokens, const std::string& what, const ModelConfig& config);

CostShape cost_shape(const ModelConfig& config);

ModelShape model_shape(const ModelConfig& config);

// A model on one device, in the form that the engine computes with, and the scorers that kvzap needs there.
struct LoadedModel {
  std::unique_ptr<Model> model;  // for the stepwise engine, and the layerwise one by libtorch's operators
  std::unique_ptr<PackedWeights> packed;  // for the tiled engine
  std::unique_ptr<GpuWeights> gpu;        // for the GPU engine
  std::optional<MemoryPlan> plan;         // likewise
  KvzapSurrogates kvzap;                  // of every scorer
};

// Whether one engine uses all threads of the process.
bool uses_all_threads(const Job& job);

// Whether the run computes with the GPU engine.
bool has_gpu_engine(const Job& job);

struct GpuSharing {
  std::optional<NcclPlace> reading =
      std::nullopt;  // among ranks that share it; absent: this one reads for itself
  int n_on_gpu = 1;  // ranks that use the same GPU
};

// Collective over the ranks that share the reading.
// Throws ConfigError, CheckpointError or NcclError.
std::unique_ptr<LoadedModel> load_model(const Job& job, const c10::Device& device, const RunOptions& options,
                                        const GpuSharing& sharing = {});

// job and loaded outlive it.
std::unique_ptr<Engine> make_engine(const Job& job, const LoadedModel& loaded, int n_threads);

}  // namespace kvcompare
