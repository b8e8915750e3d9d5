// Runs kernels in tests: emulated on the CPU (emulated_kernel_run.cpp), or on a GPU (cuda_kernel_run.cpp). A
// kernel reads and writes KernelVectors, which the host can access too between runs.
#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

#include <c10/core/Device.h>

namespace kvcompare {

// The device on which kernels run: the CPU, or the first GPU.
c10::Device kernel_device();

// Allocates memory, aligned to 256 bytes.
void* allocate_kernel_memory(std::size_t n_bytes);
void free_kernel_memory(void* memory) noexcept;

template <class T>
struct KernelAllocator {
  using value_type = T;

  KernelAllocator() = default;
  template <class Other>
  KernelAllocator(const KernelAllocator<Other>&) {}

  T* allocate(std::size_t n) { return static_cast<T*>(allocate_kernel_memory(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t) noexcept { free_kernel_memory(memory); }

  bool operator==(const KernelAllocator&) const = default;
};

template <class T>
using KernelVector = std::vector<T, KernelAllocator<T>>;

template <class T, class Allocator>
KernelVector<T> kernel_copy(const std::vector<T, Allocator>& values) {
  return {values.begin(), values.end()};
}

// In the emulation, throws if a word of the task looks like the address of memory that was not allocated
// here. On a GPU, which may read other memory too, this checks nothing.
void require_kernel_memory(const void* task, std::size_t n_bytes);

// Returns when all kernels are done. Throws if something went wrong on a GPU.
void finish_kernels();

// Runs kernel(task) to its end.
template <class Task, class Kernel>
void run_kernel(Task task, const Kernel& kernel) {
  static_assert(std::is_trivially_copyable_v<Task>);
  __builtin_clear_padding(&task);
  require_kernel_memory(&task, sizeof task);
  kernel(task);
  finish_kernels();
}

// From now on emulated warps run in descending order, as far as barriers allow. On a GPU no order is certain,
// so there this changes nothing, and a second run shows whether the order mattered.
void set_reverse_warps(bool reverse);

// Makes emulated kernels find a device of this compute capability (90: 9.0). A GPU keeps its own. Returns
// whether kernels now find this one.
bool set_compute_capability(int tenfold);

}  // namespace kvcompare
