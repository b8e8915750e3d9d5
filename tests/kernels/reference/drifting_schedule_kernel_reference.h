// The drifting schedule in plain loops on the CPU, all in double, every softmax afresh: what the kernels are
// tested against. EvictLowest needs no workspace here.
#pragma once

#include "worker/gpu/kernels/drifting_schedule_kernel.h"

namespace kvcompare {

template <class T>
void drifting_schedule_kernel_reference(const StartDrifting<T>& task);
template <class T>
void drifting_schedule_kernel_reference(const QueryFeatures<T>& task);
template <class T>
void drifting_schedule_kernel_reference(const KeyFeatures<T>& task);
void drifting_schedule_kernel_reference(const EvictLowest& task);

}  // namespace kvcompare
