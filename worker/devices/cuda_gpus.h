// What CUDA's runtime says about the GPUs. cuda_gpus.cpp asks the runtime; in a program built without CUDA,
// cuda_gpus_none.cpp takes its place. GPUs are numbered from 0 among those that are visible
// (CUDA_VISIBLE_DEVICES).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kvcompare {

struct CudaRuntime {
  int version = 0;          // 13000: CUDA 13.0
  int status = 0;           // result of counting the GPUs; 0: success
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
// Describes a GPU without using its memory. This function and those below throw CudaError.
Gpu describe_gpu(int index);

// The memory of the GPU, counting what all processes use. Begins to use the GPU, which takes some hundred
// megabytes.
struct GpuMemory {
  std::int64_t free_bytes = 0;
  std::int64_t total_bytes = 0;
};
GpuMemory memory_of_gpu(int index);

// Writes to the GPU's memory and reads the memory back. Afterwards this process has nothing on the GPU any
// more, whatever it had before, so only programs that do nothing else with the GPU may call it.
void try_gpu(int index);

}  // namespace kvcompare
