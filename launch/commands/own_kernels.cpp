#include "launch/commands/own_kernels.h"

#include <hwy/targets.h>

namespace kvcompare {

// Highway's targets are bits, the best one lowest.
std::string own_kernels() { return hwy::TargetName(hwy::SupportedTargets() & -hwy::SupportedTargets()); }

}  // namespace kvcompare
