// Before the first unit on a GPU its attention is compared with libtorch's on a small layer: a fast
// instruction whose results are wrong there, for whatever reason, is not used.
#pragma once

#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

#include "worker/gpu/gpu_operators.h"
#include "worker/model/decoder.h"

namespace kvcompare {

// attend_to_alive, or what a test has instead of it.
using Attend =
    std::function<void(const at::Tensor& rotated, const at::Tensor& qkv, const at::Tensor& until,
                       const AttentionLogits& logits, const at::Tensor& out, MatrixInstruction instruction)>;

// Largest difference from attention in float32, over one layer of that shape; with its cap and sinks.
double attention_error(const LayerShape& layer, const at::TensorOptions& options,
                       MatrixInstruction instruction, const Attend& attend = attend_to_alive);

// kBest if it is right on this device, else, with a warning, kMmaSync. Throws InvariantError if neither is.
MatrixInstruction right_instruction(const LayerShape& layer, const at::TensorOptions& options,
                                    const Attend& attend = attend_to_alive);

// What attend_to_alive computes with on this device, given that choice: "wgmma", "mma.sync", or "fma" where
// no matrix instruction is used.
std::string name_of_instruction(const HeadShape& heads, const at::TensorOptions& options,
                                MatrixInstruction instruction);

}  // namespace kvcompare
