#include <cstdint>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>

#include "tests/kernels/emulation/emulation.h"
#include "tests/support/kernel_run.h"

namespace kvcompare {
namespace {

constexpr std::align_val_t kAlignment{256};

// Address and size of all blocks.
std::map<std::uintptr_t, std::size_t>& blocks() {
  static std::map<std::uintptr_t, std::size_t> blocks;
  return blocks;
}

// The end of a block counts as part of it: there is where an empty last row lies.
bool is_kernel_memory(std::uintptr_t address) {
  const auto next = blocks().upper_bound(address);
  if (next == blocks().begin()) return false;
  const auto& [begin, n_bytes] = *std::prev(next);
  return address <= begin + n_bytes;
}

// Sizes, positions and two of 32 bits side by side, also if the upper one is a small number, are below or
// above what a process has for addresses.
bool looks_like_an_address(std::uintptr_t word) {
  return word >= std::uintptr_t{1} << 40 && word < std::uintptr_t{1} << 47;
}

}  // namespace

c10::Device kernel_device() { return c10::DeviceType::CPU; }

void* allocate_kernel_memory(std::size_t n_bytes) {
  void* memory = ::operator new(n_bytes, kAlignment);
  blocks().emplace(reinterpret_cast<std::uintptr_t>(memory), n_bytes);
  return memory;
}

void free_kernel_memory(void* memory) noexcept {
  blocks().erase(reinterpret_cast<std::uintptr_t>(memory));
  ::operator delete(memory, kAlignment);
}

void require_kernel_memory(const void* task, std::size_t n_bytes) {
  std::uintptr_t word = 0;
  for (std::size_t at = 0; at + sizeof word <= n_bytes; at += sizeof word) {
    std::memcpy(&word, static_cast<const std::byte*>(task) + at, sizeof word);
    if (looks_like_an_address(word) && !is_kernel_memory(word))
      throw std::logic_error("byte " + std::to_string(at) +
                             " of a task: an address that a GPU could not read; use a KernelVector");
  }
}

void finish_kernels() {}

void set_reverse_warps(bool reverse) { gpu::set_reverse_warps(reverse); }

bool set_compute_capability(int tenfold) {
  gpu::set_compute_capability(tenfold);
  return true;
}

}  // namespace kvcompare
