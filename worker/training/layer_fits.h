// Fits the surrogates of all layers. Each layer is a task with its own files, so finished layers are kept.
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
  std::vector<std::filesystem::path> held_out;  // target tables to judge the fit by
  std::int64_t n_layers = 0;
  std::uint64_t seed = 0;
  // Here layer_{n}.safetensors is written, and layer_{n}.state.safetensors while the layer is being fitted.
  std::filesystem::path folder;
  int n_threads = 1;  // on the CPU this many layers are fitted at once, one on each thread. No number depends
                      // on it
  c10::Device device = at::kCPU;
};

struct FittedLayers {
  KvzapSurrogate surrogate;
  std::vector<std::vector<double>> r_squared;  // [n_layers][n_kv_heads], of the held-out prompts
};

// How many steps fit_layers counts: the epochs of all layers, or the layers if the surrogate is linear.
std::int64_t n_fit_steps(const KvzapTrainingSpec& spec, std::int64_t n_layers);

// Continues from what is in the folder already. Needs memory for hidden states and scores of one layer on
// every thread.
//   n_done  : counts up to n_fit_steps; another thread may read it
//   go_on   : called by several threads; false: each layer being fitted is left after its current epoch
//   returns : absent if go_on returned false
std::optional<FittedLayers> fit_layers(const LayerFitsTask& task, const KvzapTrainingSpec& spec,
                                       std::atomic<std::int64_t>& n_done, const std::function<bool()>& go_on);

}  // namespace kvcompare
