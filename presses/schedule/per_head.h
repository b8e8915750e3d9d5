// Makes a LayerPress of a scorer and a policy. Every KV head evicts for itself, unless the heads of a layer
// share their budgets. Most methods are of this kind.
#pragma once

#include <memory>

#include "common/run/method_spec.h"
#include "presses/policy/layer_press.h"
#include "presses/registry.h"

namespace kvcompare {

// The spec gives the policy and the number of sinks.
std::unique_ptr<LayerPress> per_head(Scorer scorer, const MethodSpec& method);

}  // namespace kvcompare
