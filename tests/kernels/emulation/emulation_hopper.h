// The emulation (emulation.h) of what compute capability 9.0 alone has (gpu_hopper.cuh). Here, too, what the
// hardware would let pass by luck does not pass:
//   - products arrive when they are waited for; until then their accumulators are NaN, and throw if written;
//   - matrices and registers that a product reads throw if they change until it is waited for;
//   - asynchronous copies throw if they are multiplied without fence_copies() by who had copied them;
//   - who arrives at a barrier in memory, or waits for products, goes on when all others have run;
//   - the warps of a warpgroup have to multiply the same, and to wait for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/kernels/emulation/emulation.h"

namespace kvcompare::gpu {

// What emulation.cpp has for this.
class WarpProducts;
WarpProducts& products_of_warp();
void wait_until(const std::function<bool()>& ready);
void let_others_run();
const std::byte* at_shared_address(std::uint32_t address);
bool is_unfenced(const std::byte* piece);  // 16 bytes that came by a copy

std::uint32_t shared_address(const void* shared);
void fence_copies();
inline int warpgroup() { return thread() / 128; }

struct alignas(8) Barrier {
  std::int16_t n_arrivals, n_missing;
  std::int32_t n_phases;
};
void start_barrier(Barrier& barrier, int n_arrivals);
void arrive(Barrier& barrier);
bool has_ended(const Barrier& barrier, int parity);
void wait(const Barrier& barrier, int parity);

template <int n>
void take_registers() {}
template <int n>
void give_registers() {}

// What a lane says of d = a b or d += a b.
struct Multiplication {
  float* d;  // [n / 8][4]
  int n;
  bool is_added;
  const std::uint32_t* a;  // its fragment, or null
  std::uint64_t a_descriptor;
  std::uint64_t b_descriptor;
  bool is_b_transposed;
  float (*to_float)(std::uint32_t bits, int which);
};

// The products of a warp, which are 16 rows of those of its warpgroup, that are under way.
class WarpProducts {
 public:
  void fence();
  void issue(const Multiplication& own, const void* place);
  void commit();
  void wait_for(int n_groups_under_way);

  // When the block ends; throws if this did not do what the warp did.
  void finish(const WarpProducts& first_of_warpgroup) const;

 private:
  using Bits = std::vector<std::uint16_t>;

  // Of the products that are added up in the same registers.
  struct Accumulator {
    std::array<float*, 32> lanes;
    int n;
    std::vector<float> values;  // [16][n]
    int n_products;
  };
  struct Product {
    std::array<Multiplication, 32> lanes;
    Bits a, b;  // as they were: [16][16], [n][16]
    int group;
  };
  struct Issued {
    int n;
    std::uint64_t a_descriptor, b_descriptor;
    bool operator==(const Issued&) const = default;
  };

  bool is_first_lane();
  Accumulator& accumulator_of(const Product& product);
  void perform(const Product& product);

  std::vector<Product> products_;
  std::vector<Accumulator> accumulators_;
  std::vector<Issued> issued_;  // since the block began
  int n_groups_ = 0;
  bool is_fenced_ = false;
  std::array<int, 32> n_calls_{};
  int n_acted_ = 0;
};

// a and b in shared memory, both with their k side by side.
template <class T, int n>
void multiply_async(float (&d)[n][4], std::uint64_t a, std::uint64_t b, bool is_added) {
  static const char place = 0;
  products_of_warp().issue({d[0], 8 * n, is_added, nullptr, a, b, false, &half_of<T>}, &place);
}

// a in registers; b in shared memory, with its columns side by side.
template <class T, int n>
void multiply_add_async(float (&d)[n][4], const std::uint32_t (&a)[4], std::uint64_t b) {
  static const char place = 0;
  products_of_warp().issue({d[0], 8 * n, true, a, 0, b, true, &half_of<T>}, &place);
}

template <class... Arrays>
void begin_products(Arrays&... /*registers*/) {
  products_of_warp().fence();
}
inline void commit_products() { products_of_warp().commit(); }
template <int n, class... Arrays>
void wait_products(Arrays&... /*registers*/) {
  products_of_warp().wait_for(n);
}

}  // namespace kvcompare::gpu
