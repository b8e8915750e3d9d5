// One value of what all lanes of a warp, or all threads of a block, give: in an order that is always the
// same, so sums are the same bits every time. All of them get it.
#pragma once

#include "worker/gpu/kernels/gpu.cuh"

namespace kvcompare {

struct Sum {
  template <class T>
  KVCOMPARE_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
struct Largest {
  template <class T>
  KVCOMPARE_DEVICE T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};
struct Smallest {
  template <class T>
  KVCOMPARE_DEVICE T operator()(T a, T b) const {
    return a < b ? a : b;
  }
};

// T: a type of 4 or 8 bytes.
template <class T, class Operator>
KVCOMPARE_DEVICE T over_warp(T own, Operator combine) {
  for (int mask = 16; mask > 0; mask /= 2) own = combine(own, gpu::shuffle_xor(own, mask));
  return own;
}

// parts: a value a warp, in shared memory.
template <class T, class Operator>
KVCOMPARE_DEVICE T over_block(T own, Operator combine, T* parts) {
  own = over_warp(own, combine);
  gpu::sync_block();  // parts of the time before have been read
  if (gpu::lane() == 0) parts[gpu::warp()] = own;
  gpu::sync_block();
  T all = parts[0];
  for (int w = 1; w < gpu::n_threads() / 32; ++w) all = combine(all, parts[w]);
  return all;
}

}  // namespace kvcompare
