// One tensor of a checkpoint, checked and in the format of the computation.
#pragma once

#include <ATen/core/Tensor.h>

#include "worker/checkpoint/decoder_tensors.h"
#include "worker/checkpoint/safetensors.h"

namespace kvcompare {

// Throws CheckpointError if the tensor has another shape or no floating-point dtype. Reads the header only.
void check_tensor_header(const SafetensorsFile& file, const ExpectedTensor& expected);

// The tensor on `device` as `dtype`; a view of the file if it is there like that already.
// Throws CheckpointError if a value is NaN or infinite, be it stored or made by the conversion.
at::Tensor load_tensor(const SafetensorsFile& file, const std::string& name, at::ScalarType dtype,
                       at::Device device);

// Its rows [begin, begin + n) alone.
at::Tensor load_rows(const SafetensorsFile& file, const std::string& name, std::int64_t begin, std::int64_t n,
                     at::ScalarType dtype, at::Device device);

}  // namespace kvcompare
