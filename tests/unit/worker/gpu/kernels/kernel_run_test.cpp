// That a test which hands a kernel memory of the host's own is caught by the emulation.
#include "tests/support/kernel_run.h"

#include <cstdint>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace kvcompare {
namespace {

struct Task {
  std::int32_t n = 0;  // with padding behind it
  const float* in = nullptr;
  float* out = nullptr;
  double threshold = 0.5;
};

constexpr auto kNothing = [](const Task&) {};

TEST(KernelRun, TakesKernelMemoryAndNull) {
  KernelVector<float> numbers(3);
  run_kernel(Task{.in = numbers.data() + 2, .out = nullptr}, kNothing);
  run_kernel(Task{.in = numbers.data() + 3, .out = numbers.data()}, kNothing);
}

TEST(KernelRun, RefusesMemoryOfTheHost) {
  KernelVector<float> numbers(3);
  std::vector<float> heap(3);
  float stack = 0;
  static float global = 0;
  for (float* other : {heap.data(), &stack, &global})
    EXPECT_THROW(run_kernel(Task{.in = numbers.data(), .out = other}, kNothing), std::logic_error);
}

TEST(KernelRun, RefusesWhatWasGivenBack) {
  const float* freed = KernelVector<float>(3).data();
  EXPECT_THROW(run_kernel(Task{.in = freed}, kNothing), std::logic_error);
}

TEST(KernelRun, GivesAMemoryThatIsAligned) {
  for (const std::size_t n : {1, 3, 1000})
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(KernelVector<char>(n).data()) % 256, 0U);
}

}  // namespace
}  // namespace kvcompare
