#include "worker/engine/failure_kind.h"

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <string_view>
#include <typeinfo>

#include <c10/util/Exception.h>

#include "common/cuda_error.h"
#include "common/errors.h"

namespace kvcompare {
namespace {

// Numbers of cudaError_t, which are the same in all versions of CUDA.
constexpr int kCudaOutOfMemory = 2;
// Errors after which the driver lets a process do nothing more with the GPU. A faulty address may be a bug of
// this program as well as a fault of the hardware; in both cases the process must end.
constexpr std::array kCudaDeviceFails{
    4,    // cudaErrorCudartUnloading
    46,   // cudaErrorDevicesUnavailable
    100,  // cudaErrorNoDevice
    214,  // cudaErrorECCUncorrectable
    220,  // cudaErrorNvlinkUncorrectable
    226,  // cudaErrorContained
    304,  // cudaErrorOperatingSystem
    700,  // cudaErrorIllegalAddress
    702,  // cudaErrorLaunchTimeout
    709,  // cudaErrorContextIsDestroyed
    710,  // cudaErrorAssert
    714,  // cudaErrorHardwareStackError
    715,  // cudaErrorIllegalInstruction
    716,  // cudaErrorMisalignedAddress
    717,  // cudaErrorInvalidAddressSpace
    718,  // cudaErrorInvalidPc
    719,  // cudaErrorLaunchFailure
    806,  // cudaErrorMpsRpcFailure
    810,  // cudaErrorMpsClientTerminated
    999,  // cudaErrorUnknown
};

// libtorch gives no number. It begins the message of an error of CUDA like this, and CUDA's own words, which
// are the same in all versions, follow.
constexpr std::array<std::string_view, 3> kFromCuda{"CUDA error: ", "CUDA driver error: ", "cuDNN error: "};

// A library that is started when memory is short says that it is not initialised.
constexpr std::array<std::string_view, 5> kOutOfMemory{"out of memory", "CUBLAS_STATUS_ALLOC_FAILED",
                                                       "CUBLAS_STATUS_NOT_INITIALIZED",
                                                       "CUDNN_STATUS_ALLOC_FAILED", "ALLOCATION_FAILED"};

// The errors of kCudaDeviceFails in words.
constexpr std::array<std::string_view, 22> kDeviceFails{
    "uncorrectable ECC error",
    "uncorrectable NVLink error",
    "hardware error",
    "hardware stack error",
    "illegal memory access",
    "illegal instruction",
    "misaligned address",
    "operation not supported on global/shared address space",
    "invalid program counter",
    "unspecified launch failure",
    "launch timed out",
    "device-side assert",
    "unknown error",
    "OS call failed",
    "busy or unavailable",
    "no CUDA-capable device",
    "context is destroyed",
    "driver shutting down",
    "MPS client has been terminated",
    "MPS server and the MPS client failed",
    "STATUS_EXECUTION_FAILED",
    "STATUS_INTERNAL_ERROR"};

template <std::size_t n>
bool has_one_of(std::string_view text, const std::array<std::string_view, n>& phrases) {
  return std::ranges::any_of(phrases, [&](auto p) { return text.find(p) != std::string_view::npos; });
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

FailureKind kind_of_code(int code) {
  if (code == kCudaOutOfMemory) return FailureKind::kMemory;
  return std::ranges::find(kCudaDeviceFails, code) != kCudaDeviceFails.end() ? FailureKind::kDevice
                                                                             : FailureKind::kProgram;
}

FailureKind kind_of_message(std::string_view message) {
  const auto line = first_line(message);
  // The allocator of the CPU throws an ordinary error, so its message is examined.
  if (line.find("DefaultCPUAllocator") != std::string_view::npos) return FailureKind::kMemory;
  if (std::ranges::none_of(kFromCuda, [&](auto begin) { return line.starts_with(begin); }))
    return FailureKind::kProgram;
  if (has_one_of(line, kOutOfMemory)) return FailureKind::kMemory;
  return has_one_of(line, kDeviceFails) ? FailureKind::kDevice : FailureKind::kProgram;
}

}  // namespace

FailureKind kind_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error&) {
    return FailureKind::kProgram;
  } catch (const std::domain_error&) {
    return FailureKind::kUnit;
  } catch (const std::bad_alloc&) {
    return FailureKind::kMemory;
  } catch (const c10::OutOfMemoryError&) {
    return FailureKind::kMemory;
  } catch (const CudaError& error) {
    return kind_of_code(error.code);
  } catch (const c10::Error& error) {
    return kind_of_message(error.what_without_backtrace());
  } catch (const std::runtime_error& error) {
    return kind_of_message(error.what());
  } catch (...) {
    return FailureKind::kProgram;
  }
}

std::string text_of(const std::exception_ptr& thrown) {
  const auto kind = kind_of(thrown);
  const auto shown = [&](const char* text) {
    return std::string(kind == FailureKind::kDevice ? first_line(text) : std::string_view(text));
  };
  try {
    std::rethrow_exception(thrown);
  } catch (const std::bad_alloc& error) {
    return typeid(error) == typeid(std::bad_alloc) ? "out of memory" : error.what();
  } catch (const c10::Error& error) {
    return shown(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return shown(error.what());
  } catch (...) {
    return "an exception without a text";
  }
}

void rethrow_naming(const std::string& device, const std::exception_ptr& thrown) {
  if (kind_of(thrown) == FailureKind::kDevice) throw DeviceLost(device, text_of(thrown));
  std::rethrow_exception(thrown);
}

}  // namespace kvcompare
