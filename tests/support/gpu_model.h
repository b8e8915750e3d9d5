// A checkpoint in the form that the GPU engine needs: on the CPU for emulated kernels, or on a GPU.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "tests/support/kernel_run.h"
#include "tests/support/standard_scorer.h"
#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/checkpoint/model_config.h"
#include "worker/gpu/gpu_engine.h"

namespace kvcompare {

class GpuModelForTest {
 public:
  GpuModelForTest(const std::filesystem::path& folder, at::ScalarType dtype,
                  const GpuWeightsOptions& options = {})
      : GpuModelForTest(folder, read_model_config(folder / "config.json").decoder, dtype, options) {}

  // A decoder with the weights of the folder.
  GpuModelForTest(const std::filesystem::path& folder, const Decoder& decoder, at::ScalarType dtype,
                  const GpuWeightsOptions& options = {})
      : weights_(folder, decoder, dtype, kernel_device(), options) {
    kvzap_.emplace(standard_scorer(),
                   load_kvzap_surrogate(folder / "scorer", decoder, std::nullopt, dtype, kernel_device()));
  }

  std::unique_ptr<Engine> engine(GpuEngineOptions options) const {
    return make_gpu_engine(
        weights_, {.trained = &kvzap_, .more_methods = more_methods_, .external = external_, .sink = sink_},
        std::move(options));
  }
  void set_external(const ScoresByPlace* external, LayerSink* sink) {
    external_ = external;
    sink_ = sink;
  }
  void set_more_methods(std::span<const MethodDescription> methods) { more_methods_ = methods; }
  bool is_streamed() const { return weights_.is_streamed(); }
  KvzapSurrogate& kvzap() { return kvzap_.begin()->second; }

 private:
  mutable GpuWeights weights_;
  TrainedScorers kvzap_;
  std::span<const MethodDescription> more_methods_;  // that engines take beside the registry's
  const ScoresByPlace* external_ = nullptr;
  LayerSink* sink_ = nullptr;
};

}  // namespace kvcompare
