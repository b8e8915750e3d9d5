// Finds out whether this process can use NVIDIA GPUs, and what is missing if it cannot.
#pragma once

#include <optional>
#include <string>

#include "worker/devices/cuda_gpus.h"

namespace kvcompare {

struct GpuFacts {
  std::optional<CudaRuntime> runtime;          // absent: this program was built without CUDA
  bool has_driver = false;                     // libcuda.so.1 is there
  int driver_version = 0;                      // the newest CUDA that it supports, 13000: 13.0; 0: it does
                                               // not say
  std::optional<std::string> visible_devices;  // CUDA_VISIBLE_DEVICES

  int n_gpus() const { return runtime ? runtime->n_gpus : 0; }
};

// The facts for this process. Uses no GPU.
GpuFacts gpu_facts();

// Says what is missing, and how to install it.
//   facts : of a process without GPUs
std::string why_no_gpu(const GpuFacts& facts);

std::string cuda_version_text(int version);  // 13000: "13.0"

}  // namespace kvcompare
