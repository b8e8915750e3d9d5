// Chooses the devices of a run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "common/run/dtype.h"
#include "worker/devices/gpus.h"

namespace kvcompare {

// Returns the devices for a request. One worker is to run on each GPU returned; {cpu} means worker threads.
// Throws ConfigError, saying what is missing, if the request cannot be met.
//   request : auto | cpu | cuda | cuda:N; auto means the GPUs if there are any
std::vector<c10::Device> choose_devices(const std::string& request, std::optional<int> num_gpus);

// The same for given facts about the GPUs.
std::vector<c10::Device> choose_devices(const std::string& request, std::optional<int> num_gpus,
                                        const GpuFacts& facts);

// Throws ConfigError("device") if the kernels were not compiled for this kind of GPU.
void require_served(const c10::Device& device, const Gpu& gpu);

// The name of a device in error messages: "cpu", "cuda:3 (NVIDIA H100 80GB HBM3, PCI 0000:41:00.0)". Only
// "cuda:3" if the GPU does not answer.
std::string full_name(const c10::Device& device);

// The precision of the computation if the user asked for none: float32 on a CPU, the checkpoint's own
// precision on a GPU (float32 if config.json does not say).
Dtype choose_dtype(std::optional<Dtype> request, std::optional<Dtype> stored, const c10::Device& device);

c10::ScalarType scalar_type(Dtype dtype);

}  // namespace kvcompare
