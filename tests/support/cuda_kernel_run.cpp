#include <cuda_runtime_api.h>

#include "common/cuda_error.h"
#include "tests/support/kernel_run.h"

namespace kvcompare {
namespace {

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw CudaError(status, what, cudaGetErrorString(status));
}

}  // namespace

c10::Device kernel_device() { return {c10::DeviceType::CUDA, 0}; }

void* allocate_kernel_memory(std::size_t n_bytes) {
  void* memory = nullptr;
  check(cudaMallocManaged(&memory, n_bytes), "managed memory for a test");
  return memory;
}

// What fails here is told again by the next call.
void free_kernel_memory(void* memory) noexcept { static_cast<void>(cudaFree(memory)); }

void require_kernel_memory(const void* /*task*/, std::size_t /*n_bytes*/) {}

void finish_kernels() { check(cudaDeviceSynchronize(), "a kernel under test"); }

void set_reverse_warps(bool /*reverse*/) {}

bool set_compute_capability(int tenfold) {
  int major = 0, minor = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "compute capability");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "compute capability");
  return 10 * major + minor == tenfold;
}

}  // namespace kvcompare
