// A kernel reaches the machine only through this header. For nvcc its functions are CUDA. For another
// compiler they are the emulation on the CPU (emulation.h), with which kernels are tested where there is no
// GPU. Thread blocks are one-dimensional and consist of whole warps. All lanes of a warp must call a function
// that is described as "of the warp".
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "worker/gpu/kernels/stream.h"

#ifdef __CUDACC__

#include <type_traits>
#include <utility>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "common/cuda_error.h"

#define KVCOMPARE_KERNEL __global__
// A kernel with blocks of this many threads, of which one at a time is on a multiprocessor.
#define KVCOMPARE_KERNEL_OF(n_threads) __global__ __launch_bounds__(n_threads, 1)
#define KVCOMPARE_DEVICE __device__ __forceinline__
#define KVCOMPARE_HOST_DEVICE __host__ __device__ inline

namespace kvcompare::gpu {

KVCOMPARE_DEVICE int thread() { return static_cast<int>(threadIdx.x); }
KVCOMPARE_DEVICE int n_threads() { return static_cast<int>(blockDim.x); }
KVCOMPARE_DEVICE int lane() { return static_cast<int>(threadIdx.x % 32); }
KVCOMPARE_DEVICE int warp() { return static_cast<int>(threadIdx.x / 32); }
KVCOMPARE_DEVICE int block_x() { return static_cast<int>(blockIdx.x); }
KVCOMPARE_DEVICE int block_y() { return static_cast<int>(blockIdx.y); }
KVCOMPARE_DEVICE int block_z() { return static_cast<int>(blockIdx.z); }
KVCOMPARE_DEVICE int n_blocks_x() { return static_cast<int>(gridDim.x); }

// Dynamic shared memory, aligned to 1024 bytes, of the size that the launch gives.
KVCOMPARE_DEVICE std::byte* shared_memory() {
  extern __shared__ __align__(1024) std::byte kvcompare_shared_memory[];
  return kvcompare_shared_memory;
}

KVCOMPARE_DEVICE void sync_block() { __syncthreads(); }
KVCOMPARE_DEVICE void sync_warp() { __syncwarp(); }

// Barriers 1 to 15 of a block, each for n_threads of its threads, in whole warps. A thread that syncs waits
// until n_threads have come; a thread that arrives does not wait.
KVCOMPARE_DEVICE void sync_threads(int barrier, int n_threads) {
  asm volatile("bar.sync %0, %1;\n" ::"r"(barrier), "r"(n_threads) : "memory");
}
KVCOMPARE_DEVICE void arrive(int barrier, int n_threads) {
  asm volatile("bar.arrive %0, %1;\n" ::"r"(barrier), "r"(n_threads) : "memory");
}

// Of the warp. T is a type of 4 or 8 bytes.
template <class T>
KVCOMPARE_DEVICE T shuffle(T value, int from_lane) {
  return __shfl_sync(0xffffffffu, value, from_lane);
}
template <class T>
KVCOMPARE_DEVICE T shuffle_xor(T value, int lane_mask) {
  return __shfl_xor_sync(0xffffffffu, value, lane_mask);
}
template <class T>
KVCOMPARE_DEVICE T shuffle_up(T value, int by) {  // lanes < by keep theirs
  return __shfl_up_sync(0xffffffffu, value, static_cast<unsigned>(by));
}
KVCOMPARE_DEVICE std::uint32_t ballot(bool predicate) { return __ballot_sync(0xffffffffu, predicate); }
KVCOMPARE_DEVICE int count_bits(std::uint32_t bits) { return __popc(bits); }
KVCOMPARE_DEVICE int first_bit(std::uint32_t bits) { return __ffs(static_cast<int>(bits)) - 1; }  // -1: none

// 2^x, exact to about two units in the last place; 0 if the result is below the least normal number.
KVCOMPARE_DEVICE float power_of_two(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;\n" : "=f"(y) : "f"(x));
  return y;
}

KVCOMPARE_DEVICE void atomic_or(int* word, int bits) { atomicOr(word, bits); }

// Copies 16 bytes from global to shared memory; both addresses must be aligned to 16. If !valid, writes zeros
// and does not read `global`. The bytes have arrived after commit, wait and a barrier.
KVCOMPARE_DEVICE void copy_async_16(void* shared, const void* global, bool valid) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int n_bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(address), "l"(global), "r"(n_bytes)
               : "memory");
}
KVCOMPARE_DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
// Waits until at most n groups of this thread's copies are incomplete.
template <int n>
KVCOMPARE_DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(n) : "memory");
}

// Of the warp: loads four 8x8 matrices of 16-bit elements. Lane 8 m + r points to row r of matrix m (16 bytes
// in shared memory, aligned). From matrix m lane l gets the elements 2 (l % 4) and 2 (l % 4) + 1 of row l /
// 4; if transposed, of column l / 4.
KVCOMPARE_DEVICE void load_matrices(std::uint32_t (&r)[4], const void* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
KVCOMPARE_DEVICE void load_matrices_transposed(std::uint32_t (&r)[4], const void* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// Of the warp: d += a b with a 16x16, b 16x8, d 16x8; T: c10::Half or c10::BFloat16. Fragments as PTX has
// them for mma.m16n8k16: with row = lane / 4 and pair = 2 (lane % 4),
//   a[0], a[1]: rows `row` and row + 8 at columns pair, pair + 1; a[2], a[3]: the same at pair + 8, pair + 9
//   b[0], b[1]: column `row` at rows pair, pair + 1 and pair + 8, pair + 9
//   d[0], d[1]: row `row` at columns pair, pair + 1; d[2], d[3]: row + 8
template <class T>
KVCOMPARE_DEVICE void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                   std::uint32_t b1) {
  if constexpr (std::is_same_v<T, c10::BFloat16>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Two numbers, rounded to T and packed, the first in the lower half.
template <class T>
KVCOMPARE_DEVICE std::uint32_t pack(float low, float high) {
  std::uint32_t bits;
  if constexpr (std::is_same_v<T, c10::BFloat16>) {
    const auto pair = __floats2bfloat162_rn(low, high);
    memcpy(&bits, &pair, sizeof bits);
  } else {
    const auto pair = __floats2half2_rn(low, high);
    memcpy(&bits, &pair, sizeof bits);
  }
  return bits;
}

struct Grid {
  std::int64_t x = 1, y = 1, z = 1;
};

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw CudaError(status, what, cudaGetErrorString(status));
}

// Of the current device.
inline int device_attribute(cudaDeviceAttr attribute, const char* what) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "current device");
  check(cudaDeviceGetAttribute(&value, attribute, device), what);
  return value;
}

// How much shared memory a block may have on the current device.
inline std::size_t most_shared_bytes() {
  return static_cast<std::size_t>(
      device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, "shared memory of a device"));
}

// Of the current device: 10 major + minor.
inline int compute_capability() {
  return 10 * device_attribute(cudaDevAttrComputeCapabilityMajor, "compute capability") +
         device_attribute(cudaDevAttrComputeCapabilityMinor, "compute capability");
}

// Launches kernel(arguments...) on a grid of blocks of n_threads, on the stream, and returns at once.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), Grid grid, int n_threads, std::size_t shared_bytes, Stream stream,
            Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > 48 * 1024)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
          "shared memory of a kernel");
  kernel<<<dim3(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z)),
           static_cast<unsigned>(n_threads), shared_bytes, static_cast<CUstream_st*>(stream)>>>(
      std::forward<Arguments>(arguments)...);
  check(cudaGetLastError(), "launch of a kernel");
}

}  // namespace kvcompare::gpu

#else

#include "emulation.h"

#endif
