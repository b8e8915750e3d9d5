#include "common/errors.h"
#include "worker/devices/cuda_gpus.h"

namespace kvcompare {
namespace {

[[noreturn]] void refuse() { throw InvariantError("a GPU is asked for in a program built without CUDA"); }

}  // namespace

std::optional<CudaRuntime> cuda_runtime() { return std::nullopt; }

Gpu describe_gpu(int) { refuse(); }

GpuMemory memory_of_gpu(int) { refuse(); }

void try_gpu(int) { refuse(); }

}  // namespace kvcompare
