// From a tensor's element type to a C++ type that the kernels have.
#pragma once

#include <ATen/core/Tensor.h>

#include "common/errors.h"

namespace kvcompare {

// call(T()) with the type of the tensor's elements: float, c10::Half or c10::BFloat16.
template <class Call>
void with_type_of(const at::Tensor& tensor, const Call& call) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return call(float());
    case at::kHalf:
      return call(c10::Half());
    case at::kBFloat16:
      return call(c10::BFloat16());
    default:
      throw InvariantError("the kernels compute in float32, float16 and bfloat16 only");
  }
}

}  // namespace kvcompare
