// The part of gpu.cuh that only compute capability 9.0 has. Code that includes it is compiled for sm_90a and
// nothing else. A warpgroup is four warps, of which the first has a number that is a multiple of four. All
// threads of a warpgroup must take part in products, and in taking and giving registers.
#pragma once

#include "worker/gpu/kernels/gpu.cuh"

#ifdef __CUDACC__

namespace kvcompare::gpu {

// The address of an object in shared memory.
KVCOMPARE_DEVICE std::uint32_t shared_address(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

// The number of the warpgroup. The shuffle tells the compiler that it is the same in all threads of a warp.
KVCOMPARE_DEVICE int warpgroup() { return shuffle(static_cast<int>(threadIdx.x / 128), 0); }

// A barrier in shared memory. A phase ends when n_arrivals threads have arrived; then the next phase begins.
struct Barrier {
  std::uint64_t state;
};
// Initialises a barrier. One thread calls this; the others may use the barrier after a barrier of the block.
KVCOMPARE_DEVICE void start_barrier(Barrier& barrier, int n_arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(shared_address(&barrier)), "r"(n_arrivals)
               : "memory");
}
KVCOMPARE_DEVICE void arrive(Barrier& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];\n" ::"r"(shared_address(&barrier)) : "memory");
}
// Whether the phase of this parity has ended. The phase before the first has parity 1.
#define KVCOMPARE_HAS_ENDED(instruction, barrier, parity, result) \
  asm volatile("{\n.reg .pred ended;\n" instruction               \
               ".parity.shared::cta.b64 ended, [%1], %2;\n"       \
               "selp.b32 %0, 1, 0, ended;\n}\n"                   \
               : "=r"(result)                                     \
               : "r"(shared_address(&barrier)), "r"(parity)       \
               : "memory")
KVCOMPARE_DEVICE bool has_ended(const Barrier& barrier, int parity) {
  int result;
  KVCOMPARE_HAS_ENDED("mbarrier.test_wait", barrier, parity, result);
  return result != 0;
}
KVCOMPARE_DEVICE void wait(const Barrier& barrier, int parity) {
  for (int result = 0; result == 0;)  // the instruction sleeps, for a while
    KVCOMPARE_HAS_ENDED("mbarrier.try_wait", barrier, parity, result);
}
#undef KVCOMPARE_HAS_ENDED

// After this call and the next barrier, products may read what the thread has copied and waited for.
KVCOMPARE_DEVICE void fence_copies() { asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory"); }

// Gives each thread n registers from now on, more or fewer than before. The block as a whole keeps its
// number.
template <int n>
KVCOMPARE_DEVICE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(n));
}
template <int n>
KVCOMPARE_DEVICE void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(n));
}

// ---- products of matrices: begun, issued, committed as a group, waited for

// Tells the compiler that all earlier writes to the register are done, and that nothing that follows has
// begun.
KVCOMPARE_DEVICE void pin(float& x) { asm volatile("" : "+f"(x)::"memory"); }
KVCOMPARE_DEVICE void pin(std::uint32_t& x) { asm volatile("" : "+r"(x)::"memory"); }
template <class T, int n>
KVCOMPARE_DEVICE void pin(T (&registers)[n][4]) {
  for (auto& row : registers)
    for (auto& x : row) pin(x);
}

// To be called before products, with the accumulators and fragments that were written since the last
// products.
template <class... Arrays>
KVCOMPARE_DEVICE void begin_products(Arrays&... registers) {
  (pin(registers), ...);
  asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
}
KVCOMPARE_DEVICE void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
// Waits until at most n groups of products are incomplete.
//   registers : those of the groups that have ended; before this call none may be touched
template <int n, class... Arrays>
KVCOMPARE_DEVICE void wait_products(Arrays&... registers) {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(n) : "memory");
  (pin(registers), ...);
}

// The names of this many registers, and the elements of the accumulators from d[i] on.
#define KVCOMPARE_LIST_32                                                                           \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, " \
  "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define KVCOMPARE_LIST_40 \
  KVCOMPARE_LIST_32       \
  ", %32, %33, %34, %35, %36, %37, %38, %39"
#define KVCOMPARE_LIST_48 \
  KVCOMPARE_LIST_40       \
  ", %40, %41, %42, %43, %44, %45, %46, %47"
#define KVCOMPARE_LIST_64 \
  KVCOMPARE_LIST_48       \
  ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define KVCOMPARE_LIST_128                                                                            \
  KVCOMPARE_LIST_64                                                                                   \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, " \
  "%83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, " \
  "%102, %103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, %117, "  \
  "%118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define KVCOMPARE_D2(d, i)                                                                          \
  "+f"(d[i][0]), "+f"(d[i][1]), "+f"(d[i][2]), "+f"(d[i][3]), "+f"(d[i + 1][0]), "+f"(d[i + 1][1]), \
      "+f"(d[i + 1][2]), "+f"(d[i + 1][3])
#define KVCOMPARE_D8(d, i) \
  KVCOMPARE_D2(d, i), KVCOMPARE_D2(d, i + 2), KVCOMPARE_D2(d, i + 4), KVCOMPARE_D2(d, i + 6)
#define KVCOMPARE_D_32(d) KVCOMPARE_D8(d, 0)
#define KVCOMPARE_D_40(d) KVCOMPARE_D_32(d), KVCOMPARE_D2(d, 8)
#define KVCOMPARE_D_48(d) KVCOMPARE_D_40(d), KVCOMPARE_D2(d, 10)
#define KVCOMPARE_D_64(d) KVCOMPARE_D8(d, 0), KVCOMPARE_D8(d, 8)
#define KVCOMPARE_D_128(d) KVCOMPARE_D_64(d), KVCOMPARE_D8(d, 16), KVCOMPARE_D8(d, 24)

// d (+)= a b, of n columns, by f registers; a0 and on are the numbers of the operands that follow.
#define KVCOMPARE_MULTIPLY(n, f, type, a0, a1, a2)                                            \
  asm volatile(                                                                               \
      "{\n"                                                                                   \
      ".reg .pred added;\n"                                                                   \
      "setp.ne.b32 added, %" #a2                                                              \
      ", 0;\n"                                                                                \
      "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type " {" KVCOMPARE_LIST_##f \
      "}, %" #a0 ", %" #a1                                                                    \
      ", added, 1, 1, 0, 0;\n"                                                                \
      "}\n"                                                                                   \
      : KVCOMPARE_D_##f(d)                                                                    \
      : "l"(a), "l"(b), "r"(static_cast<int>(is_added)))
#define KVCOMPARE_MULTIPLY_ADD(n, f, type, a0, a1, a2, a3, a4)                                         \
  asm volatile("wgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type "." type " {" KVCOMPARE_LIST_##f \
               "}, {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3 "}, %" #a4 ", 1, 1, 1, 1;\n"                  \
               : KVCOMPARE_D_##f(d)                                                                    \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

// d = a b, or d += a b, with a 64x16, b 16 x 8n, d 64 x 8n: matrices in shared memory (matrix_descriptor.h),
// both with their k side by side. A warp has 16 rows of d: d[t] is what multiply_add() has of columns 8t and
// on.
template <class T, int n>
KVCOMPARE_DEVICE void multiply_async(float (&d)[n][4], std::uint64_t a, std::uint64_t b, bool is_added) {
  static_assert(n == 8 || n == 16);
  constexpr bool kIsBFloat16 = std::is_same_v<T, c10::BFloat16>;
  if constexpr (n == 8 && kIsBFloat16) KVCOMPARE_MULTIPLY(64, 32, "bf16", 32, 33, 34);
  if constexpr (n == 8 && !kIsBFloat16) KVCOMPARE_MULTIPLY(64, 32, "f16", 32, 33, 34);
  if constexpr (n == 16 && kIsBFloat16) KVCOMPARE_MULTIPLY(128, 64, "bf16", 64, 65, 66);
  if constexpr (n == 16 && !kIsBFloat16) KVCOMPARE_MULTIPLY(128, 64, "f16", 64, 65, 66);
}

// d += a b, with a in registers: a warp has 16 rows of it, as multiply_add() has them; b in shared memory,
// with its columns side by side.
template <class T, int n>
KVCOMPARE_DEVICE void multiply_add_async(float (&d)[n][4], const std::uint32_t (&a)[4], std::uint64_t b) {
  static_assert(n == 8 || n == 10 || n == 12 || n == 16 || n == 32);
  constexpr bool kIsBFloat16 = std::is_same_v<T, c10::BFloat16>;
  if constexpr (n == 8 && kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(64, 32, "bf16", 32, 33, 34, 35, 36);
  if constexpr (n == 8 && !kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(64, 32, "f16", 32, 33, 34, 35, 36);
  if constexpr (n == 10 && kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(80, 40, "bf16", 40, 41, 42, 43, 44);
  if constexpr (n == 10 && !kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(80, 40, "f16", 40, 41, 42, 43, 44);
  if constexpr (n == 12 && kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(96, 48, "bf16", 48, 49, 50, 51, 52);
  if constexpr (n == 12 && !kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(96, 48, "f16", 48, 49, 50, 51, 52);
  if constexpr (n == 16 && kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(128, 64, "bf16", 64, 65, 66, 67, 68);
  if constexpr (n == 16 && !kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(128, 64, "f16", 64, 65, 66, 67, 68);
  if constexpr (n == 32 && kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(256, 128, "bf16", 128, 129, 130, 131, 132);
  if constexpr (n == 32 && !kIsBFloat16) KVCOMPARE_MULTIPLY_ADD(256, 128, "f16", 128, 129, 130, 131, 132);
}

#undef KVCOMPARE_LIST_32
#undef KVCOMPARE_LIST_40
#undef KVCOMPARE_LIST_48
#undef KVCOMPARE_LIST_64
#undef KVCOMPARE_LIST_128
#undef KVCOMPARE_D2
#undef KVCOMPARE_D8
#undef KVCOMPARE_D_32
#undef KVCOMPARE_D_40
#undef KVCOMPARE_D_48
#undef KVCOMPARE_D_64
#undef KVCOMPARE_D_128
#undef KVCOMPARE_MULTIPLY
#undef KVCOMPARE_MULTIPLY_ADD

}  // namespace kvcompare::gpu

#else

#include "emulation_hopper.h"

#endif
