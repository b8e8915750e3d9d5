// Describes to wgmma where a matrix lies in shared memory. The code is the same on host and device. Source:
// PTX ISA, "Matrix Descriptor Format" and "Canonical Layouts" of the asynchronous warpgroup-level
// instructions.
#pragma once

#include "worker/gpu/kernels/gpu.cuh"

namespace kvcompare::gpu {

// How pieces of 16 bytes are permuted, within rows of this many bytes. The pattern repeats every eight rows
// and starts at a multiple of eight rows. The values are those of the descriptor.
enum class Swizzle { kNone = 0, k128 = 1, k64 = 2, k32 = 3 };

KVCOMPARE_HOST_DEVICE constexpr int row_bytes(Swizzle swizzle) {
  return swizzle == Swizzle::kNone ? 16 : 256 >> static_cast<int>(swizzle);
}

// The address of the byte that would be at `address` without swizzle.
KVCOMPARE_HOST_DEVICE constexpr std::uint32_t swizzled(std::uint32_t address, Swizzle swizzle) {
  const auto pieces = static_cast<std::uint32_t>(row_bytes(swizzle) / 16);
  return address ^ ((address >> 7 & (pieces - 1)) << 4);
}

// The descriptor of a matrix of 16-bit elements that starts at `address` in shared memory, with any swizzle
// but kNone. There are two layouts. - The k elements lie side by side: eight rows of the matrix are eight
// rows of the swizzle, and the next eight
//   rows start `stride_bytes` later. `leading_bytes` is not used.
// - The rows (or columns) lie side by side, as many as a row of the swizzle holds; the next of them start
//   `leading_bytes` later. Eight k are eight rows of the swizzle, and the next eight start `stride_bytes`
//   later.
KVCOMPARE_HOST_DEVICE constexpr std::uint64_t matrix_descriptor(std::uint32_t address, int leading_bytes,
                                                                int stride_bytes, Swizzle swizzle) {
  const auto encoded = [](std::uint32_t bytes) { return std::uint64_t{(bytes & 0x3ffff) >> 4}; };
  return encoded(address) | encoded(static_cast<std::uint32_t>(leading_bytes)) << 16 |
         encoded(static_cast<std::uint32_t>(stride_bytes)) << 32 | static_cast<std::uint64_t>(swizzle) << 62;
}

}  // namespace kvcompare::gpu
