// The baseline, which evicts no key. Every method is compared with it.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription baseline_method();

}  // namespace kvcompare
