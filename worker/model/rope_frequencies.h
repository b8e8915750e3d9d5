// Inverse frequencies of the rotary embedding of a model: [d_head / 2], float64, on the CPU.
// Sources: RoFormer, arXiv 2104.09864; linear: arXiv 2306.15595; llama3: the Llama 3.1 release, as
// transformers computes it.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/model/rope_config.h"

namespace kvcompare {

at::Tensor inverse_frequencies(const RopeConfig& rope, std::int64_t head_dim);

}  // namespace kvcompare
