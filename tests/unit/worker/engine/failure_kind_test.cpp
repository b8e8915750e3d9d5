#include "worker/engine/failure_kind.h"

#include <new>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include "common/cuda_error.h"
#include "common/errors.h"

namespace kvcompare {
namespace {

template <class Throw>
std::exception_ptr thrown_by(const Throw& function) {
  try {
    function();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// As libtorch throws it: CUDA's words, then advice.
std::exception_ptr libtorch_error(const char* text) {
  return thrown_by([&] {
    TORCH_CHECK(
        false, text,
        "\nSearch for `cudaError' in https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html "
        "for more information.\nCUDA kernel errors might be asynchronously reported at some other API call");
  });
}

TEST(FailureKind, IsTheUnitsForANumberThatIsNone) {
  EXPECT_EQ(kind_of(std::make_exception_ptr(std::domain_error("a score is NaN"))), FailureKind::kUnit);
}

TEST(FailureKind, IsMemoryWhoeverLacksIt) {
  EXPECT_EQ(kind_of(std::make_exception_ptr(std::bad_alloc())), FailureKind::kMemory);
  EXPECT_EQ(kind_of(thrown_by([] { at::empty({std::int64_t{1} << 60}, at::kByte); })), FailureKind::kMemory);
  EXPECT_EQ(kind_of(thrown_by([] {
              TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB.");
            })),
            FailureKind::kMemory);
  for (const char* text : {"CUDA error: out of memory",  // of pinned memory
                           "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
                           "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"})
    EXPECT_EQ(kind_of(libtorch_error(text)), FailureKind::kMemory) << text;
}

// The words are those that cudaGetErrorString of CUDA 13.0 gives.
TEST(FailureKind, IsTheDevicesForWhatNoCallRecoversFrom) {
  for (const char* text :
       {"uncorrectable ECC error encountered", "uncorrectable NVLink error detected during the execution",
        "Invalid access of peer GPU memory over nvlink or a hardware error",
        "an illegal memory access was encountered", "unspecified launch failure",
        "the launch timed out and was terminated", "hardware stack error",
        "an illegal instruction was encountered", "misaligned address", "invalid program counter",
        "device-side assert triggered", "unknown error",
        "OS call failed or operation not supported on this OS",
        "CUDA-capable device(s) is/are busy or unavailable", "no CUDA-capable device is detected",
        "the MPS client has been terminated by the server",
        "CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx( handle )`"}) {
    EXPECT_EQ(kind_of(libtorch_error((std::string("CUDA error: ") + text).c_str())), FailureKind::kDevice)
        << text;
  }
}

// Numbers of CUDA 13.0's driver_types.h. Our own calls tell them, whatever the words are.
TEST(FailureKind, IsToldByTheNumberOfAnErrorOfOurOwnCalls) {
  const auto kind = [](int code) {
    return kind_of(std::make_exception_ptr(CudaError(code, "launch of a kernel", "in some words")));
  };
  EXPECT_EQ(kind(2), FailureKind::kMemory);
  for (const int code :
       {214, 220, 226, 304, 46, 100, 700, 702, 710, 714, 715, 716, 717, 718, 719, 806, 810, 999})
    EXPECT_EQ(kind(code), FailureKind::kDevice) << code;
  for (const int code : {1, 9, 98, 209, 701}) EXPECT_EQ(kind(code), FailureKind::kProgram) << code;
  EXPECT_EQ(
      text_of(std::make_exception_ptr(CudaError(719, "launch of a kernel", "unspecified launch failure"))),
      "CUDA error: launch of a kernel: unspecified launch failure");
}

TEST(FailureKind, IsTheProgramsForEverythingElse) {
  for (const char* text : {"CUDA error: invalid argument", "CUDA error: invalid device function",
                           "CUDA error: no kernel image is available for execution on the device",
                           "CUDA error: too many resources requested for launch",
                           "mat1 and mat2 shapes cannot be multiplied: unknown error"})
    EXPECT_EQ(kind_of(libtorch_error(text)), FailureKind::kProgram) << text;
  EXPECT_EQ(kind_of(std::make_exception_ptr(InvariantError("CUDA error: unknown error"))),
            FailureKind::kProgram);
  EXPECT_EQ(kind_of(std::make_exception_ptr(std::logic_error("x"))), FailureKind::kProgram);
  EXPECT_EQ(kind_of(std::make_exception_ptr(1)), FailureKind::kProgram);
}

TEST(FailureText, IsOneLineWhereTheDeviceFailsAndSaysWhatIsMissingWithoutMemory) {
  EXPECT_EQ(text_of(libtorch_error("CUDA error: unspecified launch failure")),
            "CUDA error: unspecified launch failure");
  EXPECT_EQ(text_of(std::make_exception_ptr(std::bad_alloc())), "out of memory");
  EXPECT_EQ(text_of(std::make_exception_ptr(std::domain_error("two\nlines"))), "two\nlines");
}

TEST(RethrowNaming, TellsWhichDeviceFailedAndThatTheRunCanGoOn) {
  try {
    rethrow_naming("cuda:3 (NVIDIA H100, PCI 0000:41:00.0)",
                   libtorch_error("CUDA error: uncorrectable ECC error encountered"));
  } catch (const DeviceLost& lost) {
    EXPECT_EQ(lost.exit_code(), ExitCode::kInterrupted);
    EXPECT_STREQ(lost.what(),
                 "cuda:3 (NVIDIA H100, PCI 0000:41:00.0) has failed: CUDA error: uncorrectable ECC error "
                 "encountered; run again with --resume to go on");
  }
  EXPECT_THROW(rethrow_naming("cuda:3", std::make_exception_ptr(std::domain_error("x"))), std::domain_error);
}

}  // namespace
}  // namespace kvcompare
