// The decoder kernels in plain loops on the CPU, in double between the same roundings: what the kernels are
// tested against.
#pragma once

#include "worker/gpu/kernels/decoder_kernels.h"

namespace kvcompare {

template <class T>
void decoder_kernel_reference(const AddNorm<T>& task);
template <class T>
void decoder_kernel_reference(const RotateHeads<T>& task);
template <class T>
void decoder_kernel_reference(const Gating<T>& task);
template <class T>
void decoder_kernel_reference(const CrossEntropy<T>& task);
template <class T>
void decoder_kernel_reference(const CompareRows<T>& task);

}  // namespace kvcompare
