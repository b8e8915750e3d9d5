// Attention under eviction by wgmma, for devices of compute capability 9.0.
#pragma once

#include "worker/gpu/kernels/interval_attention_kernel.h"

namespace kvcompare {

// Launches the kernel for tasks that use tensor cores. interval_attention_kernel()
// (interval_attention_kernel.h) calls this on such devices, after it has checked the task's conditions.
template <class T>
void interval_attention_hopper_kernel(const IntervalAttention<T>& task, gpu::Stream stream);

}  // namespace kvcompare
