// Prints what is missing for a GPU to be used; exit code 1 if nothing is. Linked with CUDA's runtime and
// nothing of libtorch, so that it starts wherever it was built.
#include <cstdio>

#include "worker/devices/gpus.h"

int main() {
  const auto facts = kvcompare::gpu_facts();
  if (facts.n_gpus() > 0) return 1;
  std::printf("%s\n", kvcompare::why_no_gpu(facts).c_str());
}
