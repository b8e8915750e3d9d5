// A LayerPress made of a scorer and a policy: every KV head evicts for itself. Most methods are this.
#pragma once

#include <memory>

#include "common/run/method_spec.h"
#include "presses/policy/layer_press.h"
#include "presses/registry.h"

namespace kvcompare {

// The policy, and how many first positions are never evicted, are those of the spec.
std::unique_ptr<LayerPress> per_head(Scorer scorer, const MethodSpec& method);

}  // namespace kvcompare
