// What decides the last bits of a number beside what is computed: the arithmetic of the machine. Two machines
// whose Numerics are equal give the same bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace kvcompare {

// A field that does not matter on a device is empty: what the CPU has, where a GPU computes.
struct Numerics {
  std::string
      processor;  // of the device: "Intel(R) Xeon(R) Processor (family 6, model 143)", "NVIDIA H100 ..."
  std::string libtorch;         // version of the library that is loaded, not of the one built with: "2.11.0"
  std::string instruction_set;  // that our own kernels chose; see Engine::instruction_set
  std::string cpu_capability;   // instruction set of libtorch's own kernels: "AVX512"
  std::string mkl;   // version, and the variables of the environment that make it choose other kernels
  std::string cuda;  // version of the runtime
  friend bool operator==(const Numerics&, const Numerics&) = default;
};

// The list that messages, journal and reports go by. A field's name is also its key in JSON.
struct NumericsField {
  const char* name;
  std::string Numerics::*value;
};
std::span<const NumericsField> numerics_fields();

// What differs, a line each: "instruction_set: AVX2, not AVX3_DL". Empty if nothing does.
std::vector<std::string> differences(const Numerics& is, const Numerics& should_be);

}  // namespace kvcompare
