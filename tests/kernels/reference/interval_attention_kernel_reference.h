// Attention over intervals in plain loops on the CPU, in double, rounded to T at the end; any head size: what
// the kernels are tested against.
#pragma once

#include "worker/gpu/kernels/interval_attention_kernel.h"

namespace kvcompare {

template <class T>
void interval_attention_kernel_reference(const IntervalAttention<T>& task);

}  // namespace kvcompare
