// Kernels on the CPU, for tests: the threads of a block are fibers that take turns, so a kernel runs line by
// line as it would on a GPU, and what the hardware would let pass by luck does not pass:
//   - what is of the warp must be reached by all its lanes at the same place, or the emulation throws;
//   - asynchronous copies arrive when they are waited for, not before;
//   - shared memory begins as NaN, in every block;
//   - a wait for what no thread will do any more throws;
//   - warps run one after the other from barrier to barrier, in ascending or, on demand, descending order, so
//     that a missing barrier shows as a difference between the two.
// Fragments are those of the PTX ISA, "Matrix Fragments for mma.m16n8k16".
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "worker/gpu/kernels/stream.h"

#define KVCOMPARE_KERNEL
#define KVCOMPARE_KERNEL_OF(n_threads)
#define KVCOMPARE_DEVICE inline
#define KVCOMPARE_HOST_DEVICE inline

namespace kvcompare::gpu {

struct Grid {
  std::int64_t x = 1, y = 1, z = 1;
};

// Descending order of warps from now on, in this thread.
void set_reverse_warps(bool reverse);

// Of the device that is emulated from now on, in this thread: 10 major + minor; 80 if never said.
void set_compute_capability(int tenfold);
int compute_capability();
std::size_t most_shared_bytes();

// What a kernel asks; outside of a kernel undefined.
int thread();
int n_threads();
inline int lane() { return thread() % 32; }
inline int warp() { return thread() / 32; }
int block_x();
int block_y();
int block_z();
int n_blocks_x();
std::byte* shared_memory();
void sync_block();
void sync_warp();
void sync_threads(int barrier, int n_threads);
void arrive(int barrier, int n_threads);

// All lanes of the warp give 16 bytes at most and get what all gave; `place` tells calls apart.
struct Exchanged {
  std::byte bytes[32][32];
};
const Exchanged& exchange(const void* own, std::size_t n_bytes, const void* place);

template <class T>
T from_lane(const Exchanged& all, int lane) {
  T value;
  std::memcpy(&value, all.bytes[lane], sizeof value);
  return value;
}

template <class T>
T shuffle(T value, int from) {
  static const char place = 0;
  return from_lane<T>(exchange(&value, sizeof value, &place), from & 31);
}
template <class T>
T shuffle_xor(T value, int lane_mask) {
  static const char place = 0;
  return from_lane<T>(exchange(&value, sizeof value, &place), (lane() ^ lane_mask) & 31);
}
template <class T>
T shuffle_up(T value, int by) {
  static const char place = 0;
  const auto& all = exchange(&value, sizeof value, &place);
  return lane() < by ? value : from_lane<T>(all, lane() - by);
}
std::uint32_t ballot(bool predicate);
inline int count_bits(std::uint32_t bits) { return std::popcount(bits); }
inline int first_bit(std::uint32_t bits) { return bits == 0 ? -1 : std::countr_zero(bits); }

inline float power_of_two(float x) { return std::exp2(x); }

inline void atomic_or(int* word, int bits) { *word |= bits; }

void copy_async_16(void* shared, const void* global, bool valid);
void copy_async_commit();
void copy_async_wait_for(int n_groups_under_way);
template <int n>
void copy_async_wait() {
  copy_async_wait_for(n);
}

void load_matrices(std::uint32_t (&r)[4], const void* row);
void load_matrices_transposed(std::uint32_t (&r)[4], const void* row);

template <class T>
float half_of(std::uint32_t bits, int which) {
  return static_cast<float>(T(static_cast<std::uint16_t>(bits >> (16 * which)), T::from_bits()));
}

// d += a b, the sum over the 16 products in float, in ascending order.
template <class T>
void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  static const char place = 0;
  const std::uint32_t own[6] = {a[0], a[1], a[2], a[3], b0, b1};
  const auto& all = exchange(own, sizeof own, &place);
  const auto element = [&](int from, int word, int which) {
    std::uint32_t bits;
    std::memcpy(&bits, all.bytes[from] + 4 * word, sizeof bits);
    return half_of<T>(bits, which);
  };
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + 8 * (i / 2), column = 2 * (lane() % 4) + i % 2;
    for (int k = 0; k < 16; ++k) {
      const int quad = (k % 8) / 2, which = k % 2, upper = k / 8;
      d[i] += element(4 * (row % 8) + quad, 2 * upper + row / 8, which) *
              element(4 * column + quad, 4 + upper, which);
    }
  }
}

template <class T>
std::uint32_t pack(float low, float high) {
  return static_cast<std::uint32_t>(T(low).x) | static_cast<std::uint32_t>(T(high).x) << 16;
}

// The grid's blocks one after the other, on the calling thread.
void run_blocks(Grid grid, int n_threads, std::size_t shared_bytes, const std::function<void()>& kernel);

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), Grid grid, int n_threads, std::size_t shared_bytes,
            Stream /*stream*/, const Arguments&... arguments) {
  run_blocks(grid, n_threads, shared_bytes, [&] { kernel(arguments...); });
}

}  // namespace kvcompare::gpu
