// The emulation against what the PTX ISA and the CUDA programming guide say, so that kernels may be tested
// with it.
#include "tests/kernels/emulation/emulation.h"

#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace kvcompare::gpu {
namespace {

class Emulation : public testing::Test {
 protected:
  ~Emulation() override { set_reverse_warps(false); }
};

void sum_of_block(const float* values, float* sum) {
  auto* parts = reinterpret_cast<float*>(shared_memory());
  float own = values[block_x() * n_threads() + thread()];
  for (int mask = 16; mask > 0; mask /= 2) own += shuffle_xor(own, mask);
  if (lane() == 0) parts[warp()] = own;
  sync_block();
  if (thread() == 0)
    for (int w = 0; w < n_threads() / 32; ++w) sum[block_x()] += parts[w];
}

TEST_F(Emulation, AddsUpABlock) {
  std::vector<float> values(4 * 96);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  std::vector<float> sums(4, 0);
  launch(sum_of_block, {4}, 96, 3 * sizeof(float), nullptr, values.data(), sums.data());
  for (int b = 0; b < 4; ++b) EXPECT_EQ(sums[static_cast<std::size_t>(b)], 96 * (96 * b) + 95 * 96 / 2);
}

// What the last warp wrote is read by the first, without a barrier between.
void without_a_barrier(float* seen) {
  auto* word = reinterpret_cast<float*>(shared_memory());
  if (thread() == 32) *word = 1;
  if (thread() == 0) *seen = *word;
}

TEST_F(Emulation, AMissingBarrierShowsInTheOrderOfWarps) {
  float ascending = 0, descending = 0;
  launch(without_a_barrier, {1}, 64, sizeof(float), nullptr, &ascending);
  set_reverse_warps(true);
  launch(without_a_barrier, {1}, 64, sizeof(float), nullptr, &descending);
  EXPECT_TRUE(std::isnan(ascending));
  EXPECT_EQ(descending, 1);
}

void copies(const float* from, float* before, float* after) {
  auto* shared = reinterpret_cast<float*>(shared_memory());
  copy_async_16(shared + 4 * thread(), from + 4 * thread(), thread() != 1);
  copy_async_commit();
  before[thread()] = shared[4 * thread()];
  copy_async_wait<0>();
  sync_block();
  after[thread()] = shared[4 * ((thread() + 1) % n_threads())];
}

TEST_F(Emulation, ACopyArrivesWhenItIsWaitedFor) {
  alignas(16) std::array<float, 128> from;
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
  std::array<float, 32> before{}, after{};
  launch(copies, {1}, 32, sizeof from, nullptr, from.data(), before.data(), after.data());
  for (int t = 0; t < 32; ++t) {
    EXPECT_TRUE(std::isnan(before[static_cast<std::size_t>(t)]));
    const int neighbour = (t + 1) % 32;
    EXPECT_EQ(after[static_cast<std::size_t>(t)], neighbour == 1 ? 0 : 4 * neighbour) << t;
  }
}

void some_lanes_only(float* out) {
  if (thread() % 32 < 5) *out = shuffle(1.0F, 0);
}

TEST_F(Emulation, RefusesACollectiveThatNotAllLanesReach) {
  float out = 0;
  EXPECT_THROW(launch(some_lanes_only, {1}, 32, 0, nullptr, &out), std::logic_error);
}

TEST_F(Emulation, RefusesMoreSharedMemoryThanTheSmallestGpuHas) {
  float out = 0;
  EXPECT_THROW(launch(some_lanes_only, {1}, 32, 100 * 1024, nullptr, &out), std::logic_error);
}

// a is stored [16][16] and b [8][16] (column by column), both row by row in shared memory.
template <class T>
void product(const T* a, const T* b, float* d) {
  auto* shared = reinterpret_cast<T*>(shared_memory());
  for (int i = lane(); i < 256; i += 32) shared[i] = a[i];
  for (int i = lane(); i < 128; i += 32) shared[256 + i] = b[i];
  sync_block();
  std::uint32_t fa[4], fb[4];
  load_matrices(fa, shared + (lane() % 16) * 16 + 8 * (lane() / 16));
  load_matrices(fb, shared + 256 + (lane() % 8) * 16 + 8 * (lane() / 8 % 2));
  float fd[4] = {};
  multiply_add<T>(fd, fa, fb[0], fb[1]);
  for (int i = 0; i < 4; ++i) d[(lane() / 4 + 8 * (i / 2)) * 8 + 2 * (lane() % 4) + i % 2] = fd[i];
}

template <class T>
class Matrices : public Emulation {};
using Types = testing::Types<c10::Half, c10::BFloat16>;
TYPED_TEST_SUITE(Matrices, Types);

TYPED_TEST(Matrices, ProductOfFragments) {
  std::vector<TypeParam> a(256), b(128);
  for (int i = 0; i < 256; ++i) a[static_cast<std::size_t>(i)] = static_cast<float>(i * 7 % 23 - 11);
  for (int i = 0; i < 128; ++i) b[static_cast<std::size_t>(i)] = static_cast<float>(i * 5 % 19 - 9);
  std::vector<float> d(128);
  launch(product<TypeParam>, {1}, 32, 384 * sizeof(TypeParam), nullptr, a.data(), b.data(), d.data());
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 8; ++j) {
      float expected = 0;  // small integers: exact
      for (std::size_t k = 0; k < 16; ++k) expected += float(a[i * 16 + k]) * float(b[j * 16 + k]);
      EXPECT_EQ(d[i * 8 + j], expected) << i << ' ' << j;
    }
}

template <class T>
void transposed(const T* matrix, std::uint32_t* out) {
  auto* shared = reinterpret_cast<T*>(shared_memory());
  for (int i = lane(); i < 256; i += 32) shared[i] = matrix[i];
  sync_block();
  std::uint32_t r[4];
  load_matrices_transposed(r, shared + lane() * 8);
  for (int m = 0; m < 4; ++m) out[lane() * 4 + m] = r[m];
}

TYPED_TEST(Matrices, LoadsTransposed) {
  std::vector<TypeParam> matrix(256);
  for (int i = 0; i < 256; ++i) matrix[static_cast<std::size_t>(i)] = static_cast<float>(i);
  std::vector<std::uint32_t> out(128);
  launch(transposed<TypeParam>, {1}, 32, 256 * sizeof(TypeParam), nullptr, matrix.data(), out.data());
  for (std::size_t l = 0; l < 32; ++l)
    for (std::size_t m = 0; m < 4; ++m) {
      // Lane l: column l / 4 of matrix m, rows 2 (l % 4) and the next.
      const auto low = static_cast<float>(m * 64 + (2 * (l % 4)) * 8 + l / 4);
      EXPECT_EQ(out[l * 4 + m], pack<TypeParam>(low, low + 8)) << l << ' ' << m;
    }
}

void prefix(int* out) {
  const int own = thread();
  out[thread()] = shuffle_up(own, 3) + 100 * count_bits(ballot(thread() % 3 == 0)) + 10000 * shuffle(own, 7);
}

TEST_F(Emulation, ShufflesAndBallots) {
  std::array<int, 64> out{};
  launch(prefix, {1}, 64, 0, nullptr, out.data());
  for (int t = 0; t < 64; ++t) {
    const int multiples_of_three = 11;  // 0 3 ... 30; 33 36 ... 63
    EXPECT_EQ(out[static_cast<std::size_t>(t)],
              (t % 32 < 3 ? t : t - 3) + 100 * multiples_of_three + 10000 * (t / 32 * 32 + 7))
        << t;
  }
}

}  // namespace
}  // namespace kvcompare::gpu
