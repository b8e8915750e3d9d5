#pragma once

#include <cstdint>

#include "common/errors.h"
#include "common/run/dtype.h"

namespace kvcompare {

// Of one number.
inline std::int64_t bytes_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat64:
      return 8;
    case Dtype::kFloat32:
      return 4;
    case Dtype::kBFloat16:
    case Dtype::kFloat16:
      return 2;
  }
  throw InvariantError("a dtype without a size");
}

}  // namespace kvcompare
