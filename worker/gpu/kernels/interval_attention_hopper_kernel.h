// Attention under eviction by wgmma: on devices of compute capability 9.0.
#pragma once

#include "worker/gpu/kernels/interval_attention_kernel.h"

namespace kvcompare {

// What interval_attention_kernel() (interval_attention_kernel.h) launches there for tasks of tensor cores,
// whose conditions have been checked.
template <class T>
void interval_attention_hopper_kernel(const IntervalAttention<T>& task, gpu::Stream stream);

}  // namespace kvcompare
