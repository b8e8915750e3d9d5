// The emulation of compute capability 9.0 against what the PTX ISA says: "Asynchronous Warpgroup Level Matrix
// Instructions", "Parallel Synchronization and Communication Instructions: mbarrier", "barrier". Layouts are
// written out here from the figures and tables of the ISA, not by the functions that kernels use.
#include "tests/kernels/emulation/emulation_hopper.h"

#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "worker/gpu/kernels/matrix_descriptor.h"

namespace kvcompare::gpu {
namespace {

class HopperEmulation : public testing::Test {
 protected:
  HopperEmulation() { set_compute_capability(90); }
  ~HopperEmulation() override {
    set_compute_capability(80);
    set_reverse_warps(false);
  }
};

int value_of_a(int row, int k) { return (row * 7 + k * 5) % 23 - 11; }
int value_of_b(int k, int column) { return (k * 3 + column * 11) % 19 - 9; }
int product_of(int row, int column) {  // small integers: exact
  int sum = 0;
  for (int k = 0; k < 16; ++k) sum += value_of_a(row, k) * value_of_b(k, column);
  return sum;
}

// A pattern of the ISA's figures "K major / MN major, 128B swizzling" and so on: eight rows of `width` pieces
// of 16 bytes. Row r has piece p at the place p ^ (r / (8 / width)): with 128 bytes a row, rows 0 to 7 are
// turned by 0 to 7; with 64, rows 0 and 1 by 0, 2 and 3 by 1, ...; with 32, rows 4 to 7 by 1.
int place_in_pattern(int width, int row, int piece) {
  return (row * width + (piece ^ (row * width / 8))) * 16;
}

struct Layout {
  Swizzle swizzle;
  int width;            // pieces of 16 bytes in a row of the pattern
  int leading, stride;  // bytes
};

// Where element (mn, k) of a matrix lies, in bytes from its start. K-major: eight mn are the rows of a
// pattern, k lie in its pieces. MN-major: k are the rows, mn lie in the pieces; `leading` from one group of
// as many mn as fit to the next.
int k_major(const Layout& l, int mn, int k, int first_piece = 0) {
  return mn / 8 * l.stride + place_in_pattern(l.width, mn % 8, first_piece + k / 8) + 2 * (k % 8);
}
int mn_major(const Layout& l, int mn, int k) {
  const int per_row = 8 * l.width;
  return mn / per_row * l.leading + k / 8 * l.stride + place_in_pattern(l.width, k % 8, mn % per_row / 8) +
         2 * (mn % 8);
}

template <class T>
void store(int offset, int value) {
  *reinterpret_cast<T*>(shared_memory() + offset) = static_cast<float>(value);
}

constexpr int kStartOfB = 32 * 1024;

// Row 16 w + l / 4 (+ 8) of warp w and lane l, columns 8 t + 2 (l % 4) and the next ("accumulator matrix D").
template <int n>
void give_out(const float (&d)[n][4], float* out) {
  for (int t = 0; t < n; ++t)
    for (int i = 0; i < 4; ++i) {
      const int row = 16 * (warp() % 4) + lane() / 4 + 8 * (i / 2), column = 8 * t + 2 * (lane() % 4) + i % 2;
      out[row * 8 * n + column] = d[t][i];
    }
}

// a and b are both K-major, and start at a piece of 16 bytes within rows of their pattern.
template <class T, int n>
void product_in_shared(Layout layout, int first_piece, float* out) {
  for (int i = thread(); i < 64 * 16; i += n_threads())
    store<T>(k_major(layout, i / 16, i % 16, first_piece), value_of_a(i / 16, i % 16));
  for (int i = thread(); i < 8 * n * 16; i += n_threads())
    store<T>(kStartOfB + k_major(layout, i / 16, i % 16, first_piece), value_of_b(i % 16, i / 16));
  sync_block();
  const auto start = shared_address(shared_memory()) + static_cast<std::uint32_t>(16 * first_piece);
  float d[n][4];
  begin_products(d);
  multiply_async<T>(d, matrix_descriptor(start, layout.leading, layout.stride, layout.swizzle),
                    matrix_descriptor(start + kStartOfB, layout.leading, layout.stride, layout.swizzle),
                    false);
  commit_products();
  wait_products<0>(d);
  give_out(d, out);
}

// a in registers: word w has row l / 4 + 8 (w % 2) at k = 2 (l % 4) + 8 (w / 2) and the next ("register
// fragment layout for matrix A"); b MN-major. Added to what is there.
template <class T, int n>
void product_with_registers(Layout layout, float* out) {
  for (int i = thread(); i < 8 * n * 16; i += n_threads())
    store<T>(mn_major(layout, i / 16, i % 16), value_of_b(i % 16, i / 16));
  sync_block();
  std::uint32_t a[4];
  for (int w = 0; w < 4; ++w) {
    const int row = 16 * (warp() % 4) + lane() / 4 + 8 * (w % 2), k = 2 * (lane() % 4) + 8 * (w / 2);
    a[w] = pack<T>(static_cast<float>(value_of_a(row, k)), static_cast<float>(value_of_a(row, k + 1)));
  }
  float d[n][4];
  for (auto& row : d)
    for (auto& x : row) x = 1000;
  begin_products(d, a);
  multiply_add_async<T>(
      d, a,
      matrix_descriptor(shared_address(shared_memory()), layout.leading, layout.stride, layout.swizzle));
  commit_products();
  wait_products<0>(d, a);
  give_out(d, out);
}

template <int n>
void expect_product(const std::vector<float>& out, int added, Swizzle swizzle) {
  for (int row = 0; row < 64; ++row)
    for (int column = 0; column < 8 * n; ++column)
      ASSERT_EQ(out[static_cast<std::size_t>(row * 8 * n + column)], product_of(row, column) + added)
          << row << ' ' << column << ", swizzle " << static_cast<int>(swizzle);
}

template <class T, int n>
void expect_products_in_shared() {
  for (const auto& layout : {Layout{Swizzle::k128, 8, 0, 1024}, Layout{Swizzle::k64, 4, 0, 512},
                             Layout{Swizzle::k32, 2, 0, 256}, Layout{Swizzle::k128, 8, 0, 2048}})
    for (int piece = 0; piece < layout.width; piece += 2) {
      std::vector<float> out(64 * 8 * n);
      launch(product_in_shared<T, n>, {1}, 128, 2 * kStartOfB, nullptr, layout, piece, out.data());
      expect_product<n>(out, 0, layout.swizzle);
    }
}

TEST_F(HopperEmulation, ProductOfMatricesWithTheirKSideBySide) {
  expect_products_in_shared<c10::Half, 8>();
  expect_products_in_shared<c10::BFloat16, 16>();
}

template <class T, int n>
void expect_products_with_registers() {
  for (const auto& layout : {Layout{Swizzle::k128, 8, 4096, 1024}, Layout{Swizzle::k64, 4, 2048, 512},
                             Layout{Swizzle::k32, 2, 1024, 256}}) {
    std::vector<float> out(64 * 8 * n);
    launch(product_with_registers<T, n>, {1}, 128, kStartOfB, nullptr, layout, out.data());
    expect_product<n>(out, 1000, layout.swizzle);
  }
}

TEST_F(HopperEmulation, ProductOfRegistersWithColumnsSideBySide) {
  expect_products_with_registers<c10::Half, 8>();
  expect_products_with_registers<c10::BFloat16, 16>();
  expect_products_with_registers<c10::Half, 32>();
}

// The example of the ISA for "MN-Major, 64B swizzling and bf16": ((8,4,2),(8,2)):((1,8,256),(32,512)).
TEST_F(HopperEmulation, LayoutOfThisTestIsTheExampleOfTheIsa) {
  const Layout layout{Swizzle::k64, 4, 2 * 256, 2 * 512};
  for (int mn = 0; mn < 64; ++mn)
    for (int k = 0; k < 16; ++k) {
      const int element = mn % 8 + mn / 8 % 4 * 8 + mn / 32 * 256 + k % 8 * 32 + k / 8 * 512;
      const int byte = 2 * element;
      EXPECT_EQ(mn_major(layout, mn, k), byte ^ ((byte >> 7 & 3) << 4)) << mn << ' ' << k;
    }
}

// ---- what has to be refused

enum class Fault {
  kNone,
  kNoFence,
  kReadsEarly,
  kWritesAccumulator,
  kWritesMatrix,
  kWritesRegister,
  kNeverWaits,
  kUnfencedCopy,
  kOtherMatrix,
  kNoPattern,
};

void faulty(Fault fault, const std::byte* zeros, float* out) {
  for (int i = thread(); i < 2048 / 16; i += n_threads())
    copy_async_16(shared_memory() + 16 * i, zeros, true);
  copy_async_commit();
  copy_async_wait<0>();
  if (fault != Fault::kUnfencedCopy) fence_copies();
  sync_block();
  std::uint32_t a[4] = {}, start = shared_address(shared_memory());
  float d[8][4] = {};
  if (fault == Fault::kOtherMatrix && warp() == 2) start += 1024;
  if (fault == Fault::kNoPattern) start += 128;
  const auto b = matrix_descriptor(start, 1024, 1024, Swizzle::k128);
  if (fault != Fault::kNoFence) begin_products(d, a);
  multiply_add_async<c10::Half>(d, a, b);
  commit_products();
  if (fault == Fault::kReadsEarly) *out = d[0][0];
  if (fault == Fault::kWritesAccumulator) d[3][1] = 0;
  if (fault == Fault::kWritesMatrix) shared_memory()[0] = std::byte{1};
  if (fault == Fault::kWritesRegister) a[2] = 1;
  if (fault != Fault::kNeverWaits) wait_products<0>(d, a);
  if (fault != Fault::kReadsEarly) *out = d[0][0];
}

TEST_F(HopperEmulation, RefusesWhatHardwareMayLetPass) {
  alignas(16) const std::array<std::byte, 16> zeros{};
  const auto run = [&](Fault fault) {
    float out = -1;
    launch(faulty, {1}, 128, 4096, nullptr, fault, zeros.data(), &out);
    return out;
  };
  EXPECT_EQ(run(Fault::kNone), 0);
  EXPECT_TRUE(std::isnan(run(Fault::kReadsEarly)));
  for (const auto fault :
       {Fault::kNoFence, Fault::kWritesAccumulator, Fault::kWritesMatrix, Fault::kWritesRegister,
        Fault::kNeverWaits, Fault::kUnfencedCopy, Fault::kOtherMatrix, Fault::kNoPattern})
    EXPECT_THROW(run(fault), std::logic_error) << static_cast<int>(fault);
  set_compute_capability(80);
  EXPECT_THROW(run(Fault::kNone), std::logic_error);
}

// Only the older of two groups has ended.
void two_groups(float* out) {
  for (int i = thread(); i < 2048; i += n_threads()) store<c10::Half>(2 * i, 0);
  sync_block();
  const std::uint32_t a[4] = {};
  const auto b = matrix_descriptor(shared_address(shared_memory()), 1024, 1024, Swizzle::k128);
  float first[8][4] = {}, second[8][4] = {};
  begin_products(first, second);
  multiply_add_async<c10::Half>(first, a, b);
  commit_products();
  multiply_add_async<c10::Half>(second, a, b);
  commit_products();
  wait_products<1>(first);
  out[0] = first[0][0];
  out[1] = second[0][0];
  wait_products<0>(second);
  out[2] = second[0][0];
}

TEST_F(HopperEmulation, WaitsForTheOlderGroups) {
  std::array<float, 3> out{};
  launch(two_groups, {1}, 128, 4096, nullptr, out.data());
  EXPECT_EQ(out[0], 0);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], 0);
}

// ---- barriers

// The first warp gives a number to the second, through one place, n times.
void hand_over(int n, int* sum) {
  auto* full = reinterpret_cast<Barrier*>(shared_memory());
  auto* empty = full + 1;
  auto* place = reinterpret_cast<int*>(full + 2);
  if (thread() == 0) {
    start_barrier(*full, 32);
    start_barrier(*empty, 1);
  }
  sync_block();
  for (int i = 0; i < n; ++i) {
    if (warp() == 0) {
      wait(*empty, (i & 1) ^ 1);
      place[lane()] = i;
      arrive(*full);
    } else {
      wait(*full, i & 1);
      sum[lane()] += place[lane()];
      sync_warp();
      if (lane() == 0) arrive(*empty);
    }
  }
}

TEST_F(HopperEmulation, BarriersInMemoryHavePhases) {
  for (const bool reverse : {false, true}) {
    set_reverse_warps(reverse);
    std::array<int, 32> sum{};
    launch(hand_over, {1}, 64, 256, nullptr, 10, sum.data());
    for (const int x : sum) EXPECT_EQ(x, 45);
  }
}

void never_arrives(int* /*out*/) {
  auto* barrier = reinterpret_cast<Barrier*>(shared_memory());
  if (thread() == 0) start_barrier(*barrier, 2);
  sync_block();
  if (thread() == 0) arrive(*barrier);
  wait(*barrier, 0);
}

TEST_F(HopperEmulation, RefusesToWaitForever) {
  int out = 0;
  EXPECT_THROW(launch(never_arrives, {1}, 32, 64, nullptr, &out), std::logic_error);
}

// Warps 0 and 1 sync among themselves; warp 2 arrives for them, and does not wait.
void named(int* seen) {
  auto* words = reinterpret_cast<int*>(shared_memory());
  if (lane() == 0) words[warp()] = 10 + warp();
  if (warp() == 2) {
    arrive(3, 96);
    return;
  }
  sync_threads(3, 96);
  if (lane() == 0) seen[warp()] = words[0] + words[1] + words[2];
}

TEST_F(HopperEmulation, NamedBarriersAreForPartOfTheBlock) {
  for (const bool reverse : {false, true}) {
    set_reverse_warps(reverse);
    std::array<int, 2> seen{};
    launch(named, {1}, 96, 64, nullptr, seen.data());
    EXPECT_EQ(seen[0], 33);
    EXPECT_EQ(seen[1], 33);
  }
}

TEST_F(HopperEmulation, HasMoreSharedMemory) {
  std::array<int, 2> seen{};
  EXPECT_THROW(launch(named, {1}, 96, 227 * 1024 + 1, nullptr, seen.data()), std::logic_error);
  launch(named, {1}, 96, 227 * 1024, nullptr, seen.data());
  EXPECT_EQ(seen[0], 33);
}

}  // namespace
}  // namespace kvcompare::gpu
