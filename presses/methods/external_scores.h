// Scores of keys that were computed elsewhere, sample by sample.
#pragma once

#include <ATen/core/Tensor.h>

#include "common/ids.h"

namespace kvcompare {

class ExternalScores {
 public:
  virtual ~ExternalScores() = default;
  // Those of one sample, from any thread; what they take of memory goes when the tensor does.
  //   returns : [n_layers, n_kv_heads, n_tokens], on the CPU in any precision; higher = keep
  // Throws CheckpointError if there are none, or they do not fit the model.
  virtual at::Tensor of_sample(SampleIndex sample) const = 0;
};

}  // namespace kvcompare
