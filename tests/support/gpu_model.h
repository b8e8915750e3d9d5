// A checkpoint as the GPU engine takes it, on the CPU, for the emulated kernels.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "worker/checkpoint/kvzap_checkpoint.h"
#include "worker/gpu_engine.h"

namespace kvcompare {

class GpuModelForTest {
 public:
  GpuModelForTest(const std::filesystem::path& folder, at::ScalarType dtype)
      : weights_(folder, read_model_config(folder / "config.json"), dtype, at::kCPU),
        kvzap_(load_kvzap_surrogate(folder / "scorer", weights_.config(), std::nullopt, dtype, at::kCPU)) {}

  std::unique_ptr<Engine> engine(GpuEngineOptions options) const {
    return make_gpu_engine(weights_, {.kvzap = &kvzap_}, std::move(options));
  }
  KvzapSurrogate& kvzap() { return kvzap_; }

 private:
  mutable GpuWeights weights_;
  KvzapSurrogate kvzap_;
};

}  // namespace kvcompare
