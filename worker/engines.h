// The roof of worker/: which engine a run computes with, a model in the form that this engine computes with,
// and the engine. engines.cpp alone sees all engines; they never see each other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "common/run/dtype.h"
#include "common/run/method_spec.h"
#include "common/run/protocol.h"
#include "presses/layer_sink.h"
#include "presses/registry.h"
#include "worker/engine/engine.h"
#include "worker/engine/engine_kind.h"
#include "worker/gpu/memory_plan.h"
#include "worker/model/decoder.h"
#include "worker/weights/nccl_broadcast.h"

namespace kvcompare {

// What a model is loaded for, and its engines are made of.
struct EngineInputs {
  EngineKind kind = EngineKind::kStepwise;
  std::filesystem::path model;  // folder
  Decoder decoder;              // what the model computes
  // Folders of trained scorers, by the place that a method names them with.
  std::map<std::string, std::filesystem::path> scorers;
  // Folders of scores that were computed elsewhere, likewise.
  std::map<std::string, std::filesystem::path> scores;
  // Who is shown what layers see; null: nobody. Outlives the model.
  LayerSink* sink = nullptr;
  Dtype dtype = Dtype::kFloat32;
  std::int64_t chunk_size = 1;
  Protocol protocol{};
  std::vector<MethodSpec> methods;                // of the run
  std::optional<std::int64_t> max_weight_memory;  // bytes; all weights stay in memory if absent
};

// A rank's part of a GPU, and of the reading of weights.
struct GpuSharing {
  std::optional<NcclPlace> reading = std::nullopt;  // among ranks that share it; absent: this one reads alone
  NcclTimeouts timeouts = {};                       // of the shared reading
  int n_on_gpu = 1;                                 // ranks that use the same GPU
};

// A model and the trained scorers on one device.
class LoadedModel {
 public:
  virtual ~LoadedModel() = default;

  // The model outlives the engine. Only one engine at a time may run on a model whose weights are streamed.
  //   n_threads    : that the tiled engine uses; the others compute on the calling thread
  //   more_methods : that the engine meets beside the registry's; they outlive it
  virtual std::unique_ptr<Engine> make_engine(int n_threads,
                                              std::span<const MethodDescription> more_methods) = 0;
  std::unique_ptr<Engine> make_engine(int n_threads) { return make_engine(n_threads, {}); }

  // SHA-256 of all weights as they are on the device; empty if nobody else could have put them there.
  virtual std::string weights_hash() const { return ""; }
};

// Collective over the ranks that share the reading.
// Throws ConfigError, CheckpointError or NcclError.
std::unique_ptr<LoadedModel> load_model(const EngineInputs& inputs, const c10::Device& device,
                                        const GpuSharing& sharing = {});

// Of a worker of the GPU engine that shares its GPU with n_sharing - 1 others. Throws ConfigError if the
// weights do not fit, CheckpointError if a scorer cannot be found.
MemoryPlan plan_gpu_memory(const EngineInputs& inputs, const GpuMemory& memory, int n_sharing);

}  // namespace kvcompare
