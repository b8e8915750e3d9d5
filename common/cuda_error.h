// A call of CUDA's runtime that failed, for code that sees none of CUDA's headers.
#pragma once

#include <stdexcept>
#include <string>

namespace kvcompare {

struct CudaError : std::runtime_error {
  //   code_ : cudaError_t as a number
  //   call  : what was tried; may be empty
  //   text  : cudaGetErrorString's
  CudaError(int code_, const std::string& call, const std::string& text)
      : std::runtime_error("CUDA error: " + (call.empty() ? "" : call + ": ") + text), code(code_) {}
  int code;
};

}  // namespace kvcompare
