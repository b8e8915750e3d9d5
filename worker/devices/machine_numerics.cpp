#include "worker/devices/machine_numerics.h"

#include <cstdlib>

#include <ATen/Version.h>

#include "worker/devices/cpu_features.h"
#include "worker/devices/gpus.h"

namespace kvcompare {
namespace {

// The text between `before` and the next of `ends`; empty if `before` does not occur.
std::string between(const std::string& text, const std::string& before, const char* ends) {
  const auto at = text.find(before);
  if (at == std::string::npos) return "";
  const auto begin = at + before.size();
  return text.substr(begin, text.find_first_of(ends, begin) - begin);
}

// The value for the first processor in /proc/cpuinfo: "model name\t: Intel ...".
std::string cpuinfo_value(const std::string& cpuinfo, const std::string& key) {
  const auto value = between("\n" + cpuinfo, "\n" + key + "\t", "\n");
  return value.empty() ? "" : value.substr(value.find_first_not_of("\t :"));
}

// MKL chooses kernels by the processor, unless one of these makes it choose others.
std::string mkl() {
  auto text = between(at::get_mkl_version(), "Version ", " ");
  for (const char* name : {"MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE"})
    if (const char* value = std::getenv(name)) text += std::string(", ") + name + "=" + value;
  return text;
}

}  // namespace

std::string loaded_libtorch_version() {
  const auto version = between(at::show_config(), "TORCH_VERSION=", ", \n");
  return version.empty() ? "unknown" : version;
}

std::string processor_name(const std::string& cpuinfo) {
  const auto name = cpuinfo_value(cpuinfo, "model name");
  if (!name.empty())
    return name + " (family " + cpuinfo_value(cpuinfo, "cpu family") + ", model " +
           cpuinfo_value(cpuinfo, "model") + ")";
  const auto part = cpuinfo_value(cpuinfo, "CPU part");  // Arm
  if (part.empty()) return "unknown";
  return "implementer " + cpuinfo_value(cpuinfo, "CPU implementer") + ", part " + part;
}

Numerics machine_numerics(const c10::Device& device, const std::string& instruction_set) {
  Numerics numerics{.processor = "",
                    .libtorch = loaded_libtorch_version(),
                    .instruction_set = instruction_set,
                    .cpu_capability = "",
                    .mkl = "",
                    .cuda = ""};
  if (device.is_cpu()) {
    numerics.processor = processor_name(read_cpuinfo());
    numerics.cpu_capability = at::get_cpu_capability();
    numerics.mkl = mkl();
  } else {
    const auto gpu = describe_gpu(device.index());
    numerics.processor = gpu.name + " (compute capability " + std::to_string(gpu.major) + "." +
                         std::to_string(gpu.minor) + ")";
    if (const auto runtime = cuda_runtime()) numerics.cuda = cuda_version_text(runtime->version);
  }
  return numerics;
}

}  // namespace kvcompare
