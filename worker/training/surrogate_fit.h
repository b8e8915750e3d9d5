// Fits the surrogate of one layer to its targets. Source: KVzap, arXiv 2601.07891.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "presses/methods/kvzap_surrogate.h"
#include "worker/training/kvzip_targets.h"

namespace kvcompare {

// Ridge regression of the scores on the hidden states, in float64: the intercept is not shrunk. The normal
// equations are solved by Cholesky factorisation.
//   ridge : the penalty on the squared weights, against the sum of squared errors
KvzapSurrogate::Layer fit_linear(const LayerTargets& targets, double ridge);

struct MlpFitOptions {
  std::int64_t hidden_dim = 512;
  std::int64_t n_epochs = 15;
  std::int64_t batch_size = 512;
  double learning_rate = 5e-3;  // of AdamW, falling to 0 along a cosine
  std::uint64_t seed = 42;      // of the first weights and of the order of the examples
  c10::Device device = at::kCPU;
};

// Linear, GELU (erf), Linear by mean squared error. Goes on from `state` where that file is there, writes it
// after every epoch; the outcome is the same bit for bit, however often it was interrupted.
//   go_on   : asked after every epoch
//   returns : no linears if it was told not to go on
KvzapSurrogate::Layer fit_mlp(const LayerTargets& targets, const MlpFitOptions& options,
                              const std::filesystem::path& state, const std::function<bool()>& go_on);

// Coefficient of determination of each KV head, 1 - sum of squared errors / sum of squares about the mean.
std::vector<double> r_squared(const KvzapSurrogate::Layer& layer, const LayerTargets& targets);

}  // namespace kvcompare
