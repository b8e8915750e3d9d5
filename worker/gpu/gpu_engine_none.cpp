// Stands for gpu_engine.cpp in a program built without CUDA, which chooses no GPU.
#include "common/errors.h"
#include "worker/gpu/gpu_engine.h"

namespace kvcompare {

std::unique_ptr<Engine> make_gpu_engine(GpuWeights& /*weights*/, const ScorerResources& /*resources*/,
                                        GpuEngineOptions /*options*/) {
  throw InvariantError("this program was built without CUDA and has no engine for GPUs");
}

}  // namespace kvcompare
