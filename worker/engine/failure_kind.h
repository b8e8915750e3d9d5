// What an exception of an engine, libtorch or a kernel means for what may go on.
#pragma once

#include <exception>
#include <string>

namespace kvcompare {

enum class FailureKind {
  kUnit,     // a number of this unit is none (std::domain_error): the others go on
  kMemory,   // memory did not suffice: with less it may
  kDevice,   // the GPU fails; from then on every call to it does, so no unit is to be blamed
  kProgram,  // anything else
};

FailureKind kind_of(const std::exception_ptr& thrown);

// In one line for kDevice, without libtorch's advice on how to debug.
std::string text_of(const std::exception_ptr& thrown);

// DeviceLost naming the device if the kind is kDevice; else what was thrown.
[[noreturn]] void rethrow_naming(const std::string& device, const std::exception_ptr& thrown);

}  // namespace kvcompare
