#include "worker/engines.h"

#include <system_error>
#include <utility>

#include "common/errors.h"
#include "presses/methods/external_scores.h"
#include "presses/methods/kvzap_surrogate.h"
#include "presses/registry.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/scores_folder.h"
#include "worker/checkpoint/weights.h"
#include "worker/cpu/packed_weights.h"
#include "worker/cpu/products.h"
#include "worker/cpu/tiled_engine.h"
#include "worker/devices/device.h"
#include "worker/gpu/gpu_engine.h"
#include "worker/gpu/gpu_weights.h"
#include "worker/model/model.h"
#include "worker/stepwise/stepwise_engine.h"

namespace kvcompare {
namespace {

namespace fs = std::filesystem;

TrainedScorers load_scorers(const EngineInputs& inputs, const c10::Device& device) {
  auto dtype = scalar_type(inputs.dtype);
  if (inputs.kind == EngineKind::kTiled) dtype = type_of_products(dtype);
  TrainedScorers scorers;
  for (const auto& [place, folder] : inputs.scorers)
    scorers.emplace(place, load_kvzap_surrogate(folder, inputs.decoder, std::nullopt, dtype, device));
  return scorers;
}

// What presses need beside their parameters.
class PressInputs {
 public:
  PressInputs(const EngineInputs& inputs, const c10::Device& device)
      : scorers_(load_scorers(inputs, device)), sink_(inputs.sink) {
    for (const auto& [place, folder] : inputs.scores)
      scores_.emplace(place, std::make_unique<ScoresFolder>(folder, inputs.decoder));
  }

  ScorerResources resources(std::span<const MethodDescription> more_methods) const {
    return {.trained = &scorers_, .more_methods = more_methods, .external = &scores_, .sink = sink_};
  }

 private:
  TrainedScorers scorers_;
  ScoresByPlace scores_;
  LayerSink* sink_;
};

// What the stepwise engine computes with.
class WholeModel : public LoadedModel {
 public:
  WholeModel(const EngineInputs& inputs, const c10::Device& device)
      : chunk_size_(inputs.chunk_size),
        protocol_(inputs.protocol),
        presses_(inputs, device),
        model_(inputs.decoder,
               load_weights(inputs.model, inputs.decoder, scalar_type(inputs.dtype), device)) {}

  std::unique_ptr<Engine> make_engine(int /*n_threads*/,
                                      std::span<const MethodDescription> more_methods) override {
    return make_stepwise_engine(model_, presses_.resources(more_methods),
                                {.chunk_size = chunk_size_, .protocol = protocol_});
  }

 private:
  std::int64_t chunk_size_;
  Protocol protocol_;
  PressInputs presses_;
  Model model_;
};

class TiledModel : public LoadedModel {
 public:
  TiledModel(const EngineInputs& inputs, const c10::Device& device)
      : chunk_size_(inputs.chunk_size),
        protocol_(inputs.protocol),
        presses_(inputs, device),
        weights_(inputs.decoder,
                 CheckpointWeights(inputs.model, inputs.decoder, scalar_type(inputs.dtype), device),
                 inputs.max_weight_memory) {}

  std::unique_ptr<Engine> make_engine(int n_threads,
                                      std::span<const MethodDescription> more_methods) override {
    return make_tiled_engine(weights_, presses_.resources(more_methods),
                             {.chunk_size = chunk_size_, .protocol = protocol_, .n_threads = n_threads});
  }

 private:
  std::int64_t chunk_size_;
  Protocol protocol_;
  PressInputs presses_;
  PackedWeights weights_;
};

std::unique_ptr<GpuWeights> load_gpu_weights(const EngineInputs& inputs, const c10::Device& device,
                                             const GpuSharing& sharing) {
  std::optional<NcclBroadcast> broadcast;
  if (sharing.reading) broadcast.emplace(*sharing.reading, device, sharing.timeouts);
  auto weights =
      std::make_unique<GpuWeights>(inputs.model, inputs.decoder, scalar_type(inputs.dtype), device,
                                   GpuWeightsOptions{.max_bytes = inputs.max_weight_memory,
                                                     .broadcast = broadcast ? &*broadcast : nullptr});
  if (broadcast) broadcast->close();  // a rank that is lost later must not hang another
  return weights;
}

class GpuModel : public LoadedModel {
 public:
  GpuModel(const EngineInputs& inputs, const c10::Device& device, const GpuSharing& sharing)
      : chunk_size_(inputs.chunk_size),
        protocol_(inputs.protocol),
        methods_(inputs.methods),
        presses_(inputs, device),
        plan_(plan_gpu_memory(inputs, memory_of_gpu(device.index()), sharing.n_on_gpu)),
        weights_(load_gpu_weights(inputs, device, sharing)) {}

  std::unique_ptr<Engine> make_engine(int /*n_threads*/,
                                      std::span<const MethodDescription> more_methods) override {
    return make_gpu_engine(
        *weights_, presses_.resources(more_methods),
        {.chunk_size = chunk_size_, .protocol = protocol_, .plan = &plan_, .methods = methods_});
  }

  std::string weights_hash() const override { return weights_->hash(); }

 private:
  std::int64_t chunk_size_;
  Protocol protocol_;
  std::vector<MethodSpec> methods_;
  PressInputs presses_;
  MemoryPlan plan_;
  std::unique_ptr<GpuWeights> weights_;
};

std::int64_t bytes_of_scorers(const EngineInputs& inputs) {
  std::int64_t bytes = 0;
  for (const auto& [place, folder] : inputs.scorers) {
    std::error_code error;
    for (fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error))
      if (file->path().extension() == ".safetensors")
        if (const auto size = file->file_size(error); !error) bytes += static_cast<std::int64_t>(size);
    if (error) throw CheckpointError(folder.string(), "", "cannot be read: " + error.message());
  }
  return bytes;
}

}  // namespace

std::unique_ptr<LoadedModel> load_model(const EngineInputs& inputs, const c10::Device& device,
                                        const GpuSharing& sharing) {
  if (inputs.kind == EngineKind::kTiled) return std::make_unique<TiledModel>(inputs, device);
  if (inputs.kind == EngineKind::kGpu) return std::make_unique<GpuModel>(inputs, device, sharing);
  if (inputs.max_weight_memory)
    throw ConfigError("max_weight_memory",
                      "layers come one after the other only with --engine layerwise, which computes in every "
                      "--dtype on the "
                      "CPU, in float32, bfloat16 and float16 on GPUs");
  return std::make_unique<WholeModel>(inputs, device);
}

MemoryPlan plan_gpu_memory(const EngineInputs& inputs, const GpuMemory& memory, int n_sharing) {
  return MemoryPlan({.decoder = inputs.decoder,
                     .dtype = inputs.dtype,
                     .chunk_size = inputs.chunk_size,
                     .protocol = inputs.protocol,
                     .n_rows = kGpuBlockRows,
                     .scorer_bytes = bytes_of_scorers(inputs),
                     .max_weight_memory = inputs.max_weight_memory},
                    memory, n_sharing);
}

}  // namespace kvcompare
