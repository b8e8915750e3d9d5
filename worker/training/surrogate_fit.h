// Fits the surrogate of one layer to its targets. Source: KVzap, arXiv 2601.07891.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "presses/methods/kvzap_surrogate.h"
#include "worker/training/kvzip_targets.h"

namespace kvcompare {

// Ridge regression of the scores on the hidden states, in float64. The intercept is not penalised. The normal
// equations are solved by Cholesky factorisation.
//   ridge : the penalty on the squared weights, relative to the sum of squared errors
KvzapSurrogate::Layer fit_linear(const LayerTargets& targets, double ridge);

struct MlpFitOptions {
  std::int64_t hidden_dim = 512;
  std::int64_t n_epochs = 15;
  std::int64_t batch_size = 512;
  double learning_rate = 5e-3;  // of AdamW; falls to 0 along a cosine
  std::uint64_t seed = 42;      // for the initial weights and the order of the examples
  c10::Device device = at::kCPU;
};

// Fits Linear, GELU (erf), Linear by mean squared error. Continues from `state` if that file exists, and
// writes it after every epoch. The result is the same bit for bit, however often the fit was interrupted.
//   go_on   : called after every epoch
//   returns : a layer without linears if go_on returned false
KvzapSurrogate::Layer fit_mlp(const LayerTargets& targets, const MlpFitOptions& options,
                              const std::filesystem::path& state, const std::function<bool()>& go_on);

// The coefficient of determination of each KV head: 1 - sum of squared errors / sum of squares about the
// mean.
std::vector<double> r_squared(const KvzapSurrogate::Layer& layer, const LayerTargets& targets);

}  // namespace kvcompare
