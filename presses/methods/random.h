// Uniform scores in [0, 1) from a counter-based generator. A key's score depends only on the seed, the
// sample's index, the layer, the KV head and the position. Definition: docs/semantics.md, section 3. Source
// of the generator: Philox4x32-10, Salmon et al., SC 2011.
#pragma once

#include "presses/registry.h"

namespace kvcompare {

MethodDescription random_method();

}  // namespace kvcompare
