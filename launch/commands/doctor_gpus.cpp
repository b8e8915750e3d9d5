#include "launch/commands/doctor_gpus.h"

#include <optional>
#include <stdexcept>

#include <dlfcn.h>

#include "common/errors.h"
#include "worker/devices/device.h"

namespace kvcompare::doctor {
namespace {

// A library that is there or not; it is not linked.
class Library {
 public:
  explicit Library(const char* name) : handle_(::dlopen(name, RTLD_LAZY | RTLD_LOCAL)) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle_) ::dlclose(handle_);
  }
  bool is_there() const { return handle_ != nullptr; }
  // What a function of the form `status f(int*)` gives; 0 if there is none.
  int version(const char* function) const {
    auto* symbol = reinterpret_cast<int (*)(int*)>(::dlsym(handle_, function));
    int version = 0;
    return symbol && symbol(&version) == 0 ? version : 0;
  }

 private:
  void* handle_;
};

}  // namespace

Finding cuda(const GpuFacts& facts) {
  if (facts.runtime) return {"CUDA", Health::kGood, cuda_version_text(facts.runtime->version), ""};
  return {"CUDA", Health::kAbsent, "this program was built without it",
          "only for NVIDIA GPUs: launch/build.sh gpu"};
}

Finding cuda_driver(const GpuFacts& facts) {
  if (!facts.has_driver)
    return {"CUDA driver", Health::kAbsent, "none", "only for NVIDIA GPUs: install their driver"};
  const auto newest = "CUDA up to " + cuda_version_text(facts.driver_version);
  if (!facts.runtime || facts.n_gpus() > 0) return {"CUDA driver", Health::kGood, newest, ""};
  return {"CUDA driver", Health::kAbsent, newest + ", but no GPU to use", why_no_gpu(facts)};
}

Finding gpu(int index) {
  const auto subject = "GPU " + std::to_string(index);
  std::string name;
  try {
    const auto found = describe_gpu(index);
    name = found.name + ", " + gigabytes(static_cast<double>(found.total_bytes)) + ", compute capability " +
           std::to_string(found.major) + "." + std::to_string(found.minor) + ", PCI " + found.address;
    try_gpu(index);
    return {subject, Health::kGood, name, ""};
  } catch (const std::runtime_error& error) {
    return {subject, Health::kBad, name + (name.empty() ? "" : ": ") + error.what(),
            "look at `nvidia-smi` and `dmesg | grep Xid`; leave it out by CUDA_VISIBLE_DEVICES"};
  }
}

Finding nccl() {
  const Library library("libnccl.so.2");
  if (!library.is_there())
    return {"NCCL", Health::kAbsent, "none", "only for several GPUs: pip install nvidia-nccl-cu13"};
  const int version = library.version("ncclGetVersion");
  return {"NCCL", Health::kGood,
          std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
              std::to_string(version % 100),
          ""};
}

Finding devices(const std::string& request, const GpuFacts& facts) {
  try {
    std::string names;
    for (const auto& device : choose_devices(request, std::nullopt, facts))
      names += (names.empty() ? "" : ", ") + device.str();
    return {"devices", Health::kGood, names, ""};
  } catch (const ConfigError& error) {
    return {"devices", Health::kBad, error.what(), "--device cpu"};
  }
}

}  // namespace kvcompare::doctor
