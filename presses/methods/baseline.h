// No eviction: what every method is compared with.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription baseline_method();

}  // namespace kvcompare
