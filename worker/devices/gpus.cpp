#include "worker/devices/gpus.h"

#include <cstdlib>

#include <dlfcn.h>

namespace kvcompare {
namespace {

// Values of cudaError_t, which never change.
constexpr int kStubLibrary = 34, kInsufficientDriver = 35, kNoDevice = 100;

// Asks libcuda, without the toolkit. The library is not closed, because CUDA's runtime uses it too.
void ask_driver(GpuFacts& facts) {
  void* driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!driver) return;
  facts.has_driver = true;
  const auto get_version = reinterpret_cast<int (*)(int*)>(::dlsym(driver, "cuDriverGetVersion"));
  int version = 0;
  if (get_version && get_version(&version) == 0) facts.driver_version = version;
}

std::string what_hides_gpus(const GpuFacts& facts) {
  if (!facts.visible_devices) return "it finds no GPU: look at `nvidia-smi`";
  return "CUDA_VISIBLE_DEVICES='" + *facts.visible_devices + "' leaves no GPU: unset it, or name GPUs that " +
         "`nvidia-smi -L` lists";
}

std::string what_is_missing(const GpuFacts& facts) {
  if (!facts.runtime) return "this program was built without CUDA; build it with `cmake --preset gpu`";
  if (!facts.has_driver)
    return "there is no NVIDIA driver (libcuda.so.1); install it, or start the container with its GPUs "
           "(docker run --gpus all, apptainer --nv)";
  switch (facts.runtime->status) {
    case 0:
    case kNoDevice:
      return "the NVIDIA driver is there, but " + what_hides_gpus(facts);
    case kStubLibrary:
      return "libcuda.so.1 is the stub of a CUDA toolkit, no driver; take its folder out of LD_LIBRARY_PATH";
    case kInsufficientDriver:
      return "the NVIDIA driver is too old: it knows CUDA " + cuda_version_text(facts.driver_version) +
             ", this program needs " + cuda_version_text(facts.runtime->version) + "; install a newer driver";
    default:
      return "the NVIDIA driver is there, but CUDA says: " + facts.runtime->status_text + " (error " +
             std::to_string(facts.runtime->status) + "); look at `nvidia-smi`";
  }
}

}  // namespace

GpuFacts gpu_facts() {
  GpuFacts facts;
  ask_driver(facts);
  facts.runtime = cuda_runtime();
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES")) facts.visible_devices = visible;
  return facts;
}

std::string why_no_gpu(const GpuFacts& facts) { return what_is_missing(facts) + "; or use --device cpu"; }

std::string cuda_version_text(int version) {
  if (version == 0) return "of an unknown version";
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace kvcompare
