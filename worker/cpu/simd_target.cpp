#include "worker/cpu/simd_target.h"

// What worker/cpu/interval_attention_tile.cpp is not compiled for.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/targets.h>

namespace kvcompare {

// Highway lists the best target first.
std::string simd_target() { return hwy::TargetName(hwy::SupportedAndGeneratedTargets().front()); }

}  // namespace kvcompare
