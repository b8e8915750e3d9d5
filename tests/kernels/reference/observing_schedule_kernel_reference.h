// The observing schedule in plain loops on the CPU, in double, every softmax afresh; needs no room for
// softmaxes: what the kernels are tested against.
#pragma once

#include "worker/gpu/kernels/observing_schedule_kernel.h"

namespace kvcompare {

template <class T>
void observing_schedule_kernel_reference(const ObservedOperands<T>& task);
void observing_schedule_kernel_reference(const ObservedRows& task);

}  // namespace kvcompare
