// Combines the values of all lanes of a warp, or of all threads of a block, into one value, which all of them
// get. The order of combining is always the same, so sums have the same bits every time.
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

// T is a type of 4 or 8 bytes.
template <class T, class Operator>
KVCOMPARE_DEVICE T over_warp(T own, Operator combine) {
  for (int mask = 16; mask > 0; mask /= 2) own = combine(own, gpu::shuffle_xor(own, mask));
  return own;
}

//   parts : one value for each warp, in shared memory
template <class T, class Operator>
KVCOMPARE_DEVICE T over_block(T own, Operator combine, T* parts) {
  own = over_warp(own, combine);
  gpu::sync_block();  // until the parts of the previous call have been read
  if (gpu::lane() == 0) parts[gpu::warp()] = own;
  gpu::sync_block();
  T all = parts[0];
  for (int w = 1; w < gpu::n_threads() / 32; ++w) all = combine(all, parts[w]);
  return all;
}

}  // namespace kvcompare
