// Fits the surrogates of all layers. Each is a task with files of its own, so that what is done is kept.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "common/run/kvzap_training_spec.h"
#include "presses/methods/kvzap_surrogate.h"

namespace kvcompare {

struct LayerFitsTask {
  std::vector<std::filesystem::path> fitted;    // target tables (target_table.h) to fit to
  std::vector<std::filesystem::path> held_out;  // and to judge by
  std::int64_t n_layers = 0;
  std::uint64_t seed = 0;
  // Gets layer_{n}.safetensors, and layer_{n}.state.safetensors while one is fitted.
  std::filesystem::path folder;
  int n_threads = 1;  // on the CPU: as many layers at once, on a thread each. No number depends on it
  c10::Device device = at::kCPU;
};

struct FittedLayers {
  KvzapSurrogate surrogate;
  std::vector<std::vector<double>> r_squared;  // [n_layers][n_kv_heads], of the held-out prompts
};

// Steps that fit_layers counts: the epochs of every layer, or the layers if the surrogate is linear.
std::int64_t n_fit_steps(const KvzapTrainingSpec& spec, std::int64_t n_layers);

// Takes up what is in the folder already.
//   n_done  : counts up to n_fit_steps; may be read by another thread
//   go_on   : asked by several threads; false: what is being fitted is left after its epoch
//   returns : absent if it was told not to go on
// Memory: hidden states and scores of one layer for every thread.
std::optional<FittedLayers> fit_layers(const LayerFitsTask& task, const KvzapTrainingSpec& spec,
                                       std::atomic<std::int64_t>& n_done, const std::function<bool()>& go_on);

}  // namespace kvcompare
