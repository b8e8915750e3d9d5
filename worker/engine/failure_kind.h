// Decides what an exception of an engine, of libtorch or of a kernel means: who may continue after it.
#pragma once

#include <exception>
#include <string>

namespace kvcompare {

enum class FailureKind {
  kUnit,     // a number of this unit is not finite (std::domain_error); the other units continue
  kMemory,   // memory did not suffice; with less work at once it may
  kDevice,   // the GPU has failed, and so will every further call to it; no unit is to blame
  kProgram,  // anything else
};

FailureKind kind_of(const std::exception_ptr& thrown);

// The text of the exception. For kDevice it is one line, without libtorch's advice on debugging.
std::string text_of(const std::exception_ptr& thrown);

// Throws DeviceLost naming the device if the kind is kDevice; else rethrows the exception.
[[noreturn]] void rethrow_naming(const std::string& device, const std::exception_ptr& thrown);

}  // namespace kvcompare
