// How wgmma finds a matrix in shared memory: host code and device code in one.
// Source: PTX ISA, "Matrix Descriptor Format" and "Canonical Layouts" of the asynchronous warpgroup-level
// instructions.
#pragma once

#include "worker/gpu/kernels/gpu.cuh"

namespace kvcompare::gpu {

// How pieces of 16 bytes change places: in rows of so many bytes, of which eight repeat, starting at a
// multiple of eight rows. The values are those of the descriptor.
enum class Swizzle { kNone = 0, k128 = 1, k64 = 2, k32 = 3 };

KVCOMPARE_HOST_DEVICE constexpr int row_bytes(Swizzle swizzle) {
  return swizzle == Swizzle::kNone ? 16 : 256 >> static_cast<int>(swizzle);
}

// Where the byte is that would be at `address` without swizzle.
KVCOMPARE_HOST_DEVICE constexpr std::uint32_t swizzled(std::uint32_t address, Swizzle swizzle) {
  const auto pieces = static_cast<std::uint32_t>(row_bytes(swizzle) / 16);
  return address ^ ((address >> 7 & (pieces - 1)) << 4);
}

// Of a matrix that starts at the address in shared memory, of 16-bit elements, with any swizzle but none. One
// that has its k side by side: eight rows of it are eight rows of the swizzle, the next eight `stride_bytes`
// on; `leading_bytes` are not used. One that has its rows (or columns) side by side, as many as a row of the
// swizzle holds, the next of them `leading_bytes` on: eight k are eight rows, the next eight `stride_bytes`
// on.
KVCOMPARE_HOST_DEVICE constexpr std::uint64_t matrix_descriptor(std::uint32_t address, int leading_bytes,
                                                                int stride_bytes, Swizzle swizzle) {
  const auto encoded = [](std::uint32_t bytes) { return std::uint64_t{(bytes & 0x3ffff) >> 4}; };
  return encoded(address) | encoded(static_cast<std::uint32_t>(leading_bytes)) << 16 |
         encoded(static_cast<std::uint32_t>(stride_bytes)) << 32 | static_cast<std::uint64_t>(swizzle) << 62;
}

}  // namespace kvcompare::gpu
