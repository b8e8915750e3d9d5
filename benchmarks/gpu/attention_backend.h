// The name of what libtorch's scaled_dot_product_attention chooses (ATen/SDPBackend.h).
#pragma once

#include <cstdint>
#include <string>

#include <ATen/SDPBackend.h>

namespace kvcompare {

inline std::string backend_name(std::int64_t chosen) {
  switch (static_cast<at::SDPBackend>(chosen)) {
    case at::SDPBackend::math:
      return "math";
    case at::SDPBackend::flash_attention:
      return "flash";
    case at::SDPBackend::efficient_attention:
      return "memory-efficient";
    case at::SDPBackend::cudnn_attention:
      return "cuDNN";
    default:
      return "backend " + std::to_string(chosen);
  }
}

}  // namespace kvcompare
