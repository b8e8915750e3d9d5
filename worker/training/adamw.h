// The optimiser AdamW (arXiv 1711.05101). Everything on which its next step depends can be saved in a file.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/safetensors_writer.h"

namespace kvcompare {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // of matrices; vectors are not decayed
  double gradient_norm = 1;    // the gradient of all weights together is clipped to this norm
};

class AdamW {
 public:
  // The weights must require gradients. They are changed in place.
  AdamW(NamedTensors weights, AdamWOptions options);

  const NamedTensors& weights() const { return weights_; }
  std::int64_t n_steps() const { return n_steps_; }

  // Makes one step against the gradient of `loss`, a scalar. Returns the gradient's norm before clipping.
  double step(const at::Tensor& loss, double learning_rate);

  // Weights, moments and the number of steps, under the weights' names.
  NamedTensors state() const;
  // Restores the state from a file. Throws CheckpointError if the file is not the state of such weights.
  void load(const SafetensorsFile& file);

 private:
  NamedTensors weights_;
  NamedTensors first_moments_;
  NamedTensors second_moments_;
  AdamWOptions options_;
  std::int64_t n_steps_ = 0;
};

// Falls from 1 to `final_share` along half a cosine, as `progress` goes from 0 to 1.
double cosine_decay(double progress, double final_share);

}  // namespace kvcompare
