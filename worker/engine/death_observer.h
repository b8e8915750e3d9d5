// Lets tests observe the death times that an engine computes. They compare them with those of the stepwise
// engine.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "common/ids.h"
#include "presses/policy/death_times.h"

namespace kvcompare {

// Called with the death times of the keys of one KV head, [n_tokens]; head by head, layer by layer.
using DeathObserver = std::function<void(LayerIndex, std::int64_t kv_head, std::span<const DeathTime>)>;

}  // namespace kvcompare
