#include "worker/device.h"

#include <charconv>
#include <string_view>

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "common/errors.h"

namespace kvcompare {
namespace {

constexpr std::string_view kAccepted = "auto, cpu, cuda or cuda:N";

int n_visible_gpus() {
  if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return 0;
  return c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount();
}

std::string why_no_gpu() {
  if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA))
    return "this program was built without CUDA; build it with `cmake --preset gpu`, or use --device cpu";
  return "no NVIDIA GPU is visible to this process; look at `nvidia-smi` and CUDA_VISIBLE_DEVICES, or use "
         "--device cpu";
}

std::vector<c10::Device> first_gpus(int n) {
  std::vector<c10::Device> devices;
  for (int i = 0; i < n; ++i) devices.emplace_back(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(i));
  return devices;
}

std::vector<c10::Device> all_or(std::optional<int> num_gpus, int n_visible) {
  if (num_gpus && *num_gpus > n_visible)
    throw ConfigError("num_gpus", std::to_string(*num_gpus) + " asked for, " + std::to_string(n_visible) +
                                      " there: " + (n_visible == 0 ? why_no_gpu() : "use at most that many"));
  return first_gpus(num_gpus.value_or(n_visible));
}

c10::Device numbered_gpu(const std::string& request, std::optional<int> num_gpus, int n_visible) {
  int index = -1;
  const auto digits = std::string_view(request).substr(std::string_view("cuda:").size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc() || end != digits.data() + digits.size() || index < 0)
    throw ConfigError("device", "'" + request + "' is none of " + std::string(kAccepted));
  if (n_visible == 0) throw ConfigError("device", request + ": " + why_no_gpu());
  if (index >= n_visible)
    throw ConfigError("device", request + " does not exist: " + std::to_string(n_visible) +
                                    " GPUs are visible, numbered from 0");
  if (num_gpus && *num_gpus != 1)
    throw ConfigError("num_gpus", std::to_string(*num_gpus) + " GPUs cannot be had with --device " + request +
                                      ", which names one; use --device cuda");
  return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace

std::vector<c10::Device> choose_devices(const std::string& request, std::optional<int> num_gpus) {
  const int n_visible = n_visible_gpus();
  const std::vector<c10::Device> cpu{c10::Device(c10::DeviceType::CPU)};
  if (request == "cpu") {
    if (num_gpus.value_or(0) > 0)
      throw ConfigError("num_gpus", "GPUs cannot be used with --device cpu; leave one of the two away");
    return cpu;
  }
  if (request == "auto") {
    const auto gpus = all_or(num_gpus, n_visible);
    return gpus.empty() ? cpu : gpus;
  }
  if (request == "cuda") {
    if (n_visible == 0) throw ConfigError("device", request + ": " + why_no_gpu());
    const auto gpus = all_or(num_gpus, n_visible);
    if (gpus.empty()) throw ConfigError("num_gpus", "0 GPUs cannot be used with --device cuda");
    return gpus;
  }
  if (request.starts_with("cuda:")) return {numbered_gpu(request, num_gpus, n_visible)};
  throw ConfigError("device", "'" + request + "' is none of " + std::string(kAccepted));
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
