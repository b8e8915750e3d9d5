// For tests of SIMD kernels: runs them with every instruction set of this machine, and on arrays with no
// readable memory after them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <sys/mman.h>
#include <unistd.h>

namespace kvcompare {

// Runs f() once with the code for each instruction set that this machine has.
template <class F>
void on_every_simd_target(F f) {
  const auto choose = [](std::int64_t targets) {  // 0: all
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  };
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    choose(target);
    f();
  }
  choose(0);
}

// A copy of an array that ends where its page ends; reading the next page crashes.
template <class T>
class FencedArray {
 public:
  explicit FencedArray(const std::vector<T>& values) : n_(values.size()) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    n_mapped_ = (n_ * sizeof(T) + page - 1) / page * page + page;
    base_ = mmap(nullptr, n_mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::runtime_error("mmap failed");
    auto* const fence = static_cast<std::byte*>(base_) + n_mapped_ - page;
    if (mprotect(fence, page, PROT_NONE) != 0) throw std::runtime_error("mprotect failed");
    data_ = reinterpret_cast<T*>(fence) - n_;
    std::ranges::copy(values, data_);
  }
  ~FencedArray() { munmap(base_, n_mapped_); }
  FencedArray(const FencedArray&) = delete;
  FencedArray& operator=(const FencedArray&) = delete;

  std::span<T> span() const { return {data_, n_}; }
  T operator[](std::size_t i) const { return data_[i]; }

 private:
  std::size_t n_;
  std::size_t n_mapped_ = 0;
  void* base_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace kvcompare
