// Keeps the keys that point away from the mean direction of the cache. Source: KeyDiff, arXiv 2504.15364.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription keydiff_method();

}  // namespace kvcompare
