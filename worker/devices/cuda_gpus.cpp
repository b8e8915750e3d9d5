#include "worker/devices/cuda_gpus.h"

#include <array>

#include <cuda_runtime_api.h>

#include "common/cuda_error.h"

namespace kvcompare {
namespace {

// worker/engine/failure_kind.cpp holds these as numbers, because it is also compiled in a program built
// without CUDA.
static_assert(cudaErrorMemoryAllocation == 2 && cudaErrorECCUncorrectable == 214 &&
              cudaErrorIllegalAddress == 700 && cudaErrorLaunchFailure == 719 && cudaErrorUnknown == 999);

void check(cudaError_t status) {
  if (status != cudaSuccess) throw CudaError(status, "", cudaGetErrorString(status));
}

// Makes a GPU the current one of this thread, as long as the object lives.
class OnGpu {
 public:
  explicit OnGpu(int index) {
    check(cudaGetDevice(&before_));
    check(cudaSetDevice(index));
  }
  OnGpu(const OnGpu&) = delete;
  OnGpu& operator=(const OnGpu&) = delete;
  ~OnGpu() { static_cast<void>(cudaSetDevice(before_)); }  // which has been set before

 private:
  int before_ = 0;
};

void write_and_read() {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  constexpr int kPattern = 0x5a;
  void* memory = nullptr;
  check(cudaMalloc(&memory, kBytes));
  check(cudaMemset(memory, kPattern, kBytes));
  std::array<unsigned char, 4096> end{};
  check(cudaMemcpy(end.data(), static_cast<char*>(memory) + kBytes - end.size(), end.size(),
                   cudaMemcpyDeviceToHost));
  for (const auto byte : end)
    if (byte != kPattern) throw CudaError(cudaErrorUnknown, "", "memory does not hold what was written");
}

}  // namespace

std::optional<CudaRuntime> cuda_runtime() {
  CudaRuntime runtime;
  check(cudaRuntimeGetVersion(&runtime.version));
  const auto status = cudaGetDeviceCount(&runtime.n_gpus);
  if (status == cudaSuccess) return runtime;
  static_cast<void>(cudaGetLastError());  // the error is reported here; no later call may find it
  runtime.status = status;
  runtime.status_text = cudaGetErrorString(status);
  runtime.n_gpus = 0;
  return runtime;
}

Gpu describe_gpu(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index));
  std::array<char, 32> address{};
  check(cudaDeviceGetPCIBusId(address.data(), static_cast<int>(address.size()), index));
  return {.name = properties.name,
          .address = address.data(),
          .major = properties.major,
          .minor = properties.minor,
          .total_bytes = static_cast<std::int64_t>(properties.totalGlobalMem)};
}

GpuMemory memory_of_gpu(int index) {
  const OnGpu gpu(index);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total));
  return {static_cast<std::int64_t>(free), static_cast<std::int64_t>(total)};
}

void try_gpu(int index) {
  const OnGpu gpu(index);
  try {
    write_and_read();
  } catch (...) {
    static_cast<void>(cudaDeviceReset());  // the error is being reported already
    throw;
  }
  check(cudaDeviceReset());
}

}  // namespace kvcompare
