// Uniform scores in [0, 1) from a counter-based generator: a key's score depends on the seed, the sample's
// index, the layer, the KV head and the position, and on nothing else. Definition: docs/semantics.md,
// section 3. Source of the generator: Philox4x32-10, Salmon et al., SC 2011.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription random_method();

}  // namespace kvcompare
