// What CUDA's runtime says of the GPUs. cuda_gpus.cpp asks it; in a program built without CUDA
// cuda_gpus_none.cpp stands for it. GPUs are numbered from 0 among those that are visible
// (CUDA_VISIBLE_DEVICES).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kvcompare {

struct CudaRuntime {
  int version = 0;          // 13000: CUDA 13.0
  int status = 0;           // of counting the GPUs; 0: good
  std::string status_text;  // what CUDA calls it
  int n_gpus = 0;
};
// Absent if this program was built without CUDA.
std::optional<CudaRuntime> cuda_runtime();

struct Gpu {
  std::string name;     // "NVIDIA H100 80GB HBM3"
  std::string address;  // on the PCI bus, "0000:41:00.0"
  int major = 0;        // compute capability
  int minor = 0;
  std::int64_t total_bytes = 0;
};
// Uses no memory of the GPU. The functions below throw CudaError.
Gpu describe_gpu(int index);

// Of the GPU, whoever uses it. Begins to use it: that takes some hundred megabytes.
struct GpuMemory {
  std::int64_t free_bytes = 0;
  std::int64_t total_bytes = 0;
};
GpuMemory memory_of_gpu(int index);

// Writes to its memory and reads that again. Afterwards this process has nothing on the GPU any more,
// whatever it had: for programs that do nothing else with it.
void try_gpu(int index);

}  // namespace kvcompare
