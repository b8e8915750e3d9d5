// What an engine that computes death times tells about them; tests compare them with the stepwise engine's.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "common/ids.h"
#include "presses/policy/death_times.h"

namespace kvcompare {

// Told when the keys of a KV head die, [n_tokens]; head by head, layer by layer.
using DeathObserver = std::function<void(LayerIndex, std::int64_t kv_head, std::span<const DeathTime>)>;

}  // namespace kvcompare
