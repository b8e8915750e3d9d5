#include "worker/devices/device.h"

#include <charconv>
#include <stdexcept>
#include <string_view>

#include "common/errors.h"
#include "common/plural.h"

namespace kvcompare {
namespace {

constexpr std::string_view kAccepted = "auto, cpu, cuda or cuda:N";

std::vector<c10::Device> first_gpus(int n) {
  std::vector<c10::Device> devices;
  for (int i = 0; i < n; ++i) devices.emplace_back(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(i));
  return devices;
}

std::vector<c10::Device> all_or(std::optional<int> num_gpus, const GpuFacts& facts) {
  const int n_visible = facts.n_gpus();
  if (num_gpus && *num_gpus > n_visible)
    throw ConfigError("num_gpus",
                      std::to_string(*num_gpus) + " asked for, " + std::to_string(n_visible) +
                          " there: " + (n_visible == 0 ? why_no_gpu(facts) : "use at most that many"));
  return first_gpus(num_gpus.value_or(n_visible));
}

c10::Device numbered_gpu(const std::string& request, std::optional<int> num_gpus, const GpuFacts& facts) {
  const int n_visible = facts.n_gpus();
  int index = -1;
  const auto digits = std::string_view(request).substr(std::string_view("cuda:").size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc() || end != digits.data() + digits.size() || index < 0)
    throw ConfigError("device", "'" + request + "' is none of " + std::string(kAccepted));
  if (n_visible == 0) throw ConfigError("device", request + ": " + why_no_gpu(facts));
  if (index >= n_visible)
    throw ConfigError("device", request + " does not exist: " + counted(n_visible, "GPU") +
                                    (n_visible == 1 ? " is" : " are") + " visible, numbered from 0");
  if (num_gpus && *num_gpus != 1)
    throw ConfigError("num_gpus", std::to_string(*num_gpus) + " GPUs cannot be had with --device " + request +
                                      ", which names one; use --device cuda");
  return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace

// If no GPU is asked for, the driver is not asked either, because it may be broken.
std::vector<c10::Device> choose_devices(const std::string& request, std::optional<int> num_gpus) {
  auto devices = choose_devices(request, num_gpus, request == "cpu" ? GpuFacts{} : gpu_facts());
  for (const auto& device : devices)
    if (device.is_cuda()) require_served(device, describe_gpu(device.index()));
  return devices;
}

std::vector<c10::Device> choose_devices(const std::string& request, std::optional<int> num_gpus,
                                        const GpuFacts& facts) {
  const std::vector<c10::Device> cpu{c10::Device(c10::DeviceType::CPU)};
  if (request == "cpu") {
    if (num_gpus.value_or(0) > 0)
      throw ConfigError("num_gpus", "GPUs cannot be used with --device cpu; leave one of the two away");
    return cpu;
  }
  if (request == "auto") {
    const auto gpus = all_or(num_gpus, facts);
    return gpus.empty() ? cpu : gpus;
  }
  if (request == "cuda") {
    if (facts.n_gpus() == 0) throw ConfigError("device", request + ": " + why_no_gpu(facts));
    const auto gpus = all_or(num_gpus, facts);
    if (gpus.empty()) throw ConfigError("num_gpus", "0 GPUs cannot be used with --device cuda");
    return gpus;
  }
  if (request.starts_with("cuda:")) return {numbered_gpu(request, num_gpus, facts)};
  throw ConfigError("device", "'" + request + "' is none of " + std::string(kAccepted));
}

void require_served(const c10::Device& device, const Gpu& gpu) {
  constexpr int kOldestMajor = 8;  // Ampere
  if (gpu.major >= kOldestMajor) return;
  throw ConfigError("device", device.str() + " (" + gpu.name + ") has compute capability " +
                                  std::to_string(gpu.major) + "." + std::to_string(gpu.minor) + "; " +
                                  std::to_string(kOldestMajor) +
                                  ".0 or newer is needed: name another GPU, hide it by "
                                  "CUDA_VISIBLE_DEVICES, or use --device cpu");
}

std::string full_name(const c10::Device& device) {
  if (!device.is_cuda()) return device.str();
  try {
    const auto gpu = describe_gpu(device.index());
    return device.str() + " (" + gpu.name + ", PCI " + gpu.address + ")";
  } catch (const std::runtime_error&) {
    return device.str();
  }
}

Dtype choose_dtype(std::optional<Dtype> request, std::optional<Dtype> stored, const c10::Device& device) {
  if (request) return *request;
  return device.is_cpu() ? Dtype::kFloat32 : stored.value_or(Dtype::kFloat32);
}

c10::ScalarType scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat64:
      return c10::ScalarType::Double;
    case Dtype::kFloat32:
      return c10::ScalarType::Float;
    case Dtype::kBFloat16:
      return c10::ScalarType::BFloat16;
    case Dtype::kFloat16:
      return c10::ScalarType::Half;
  }
  throw InvariantError("a dtype without a name");
}

}  // namespace kvcompare
