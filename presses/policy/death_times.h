// When keys die. A schedule computes these death times, and attention and the counting of keys need to know
// nothing else of an eviction.
#pragma once

#include <cstdint>
#include <limits>

#include "common/run/chunking.h"

namespace kvcompare {

// Index of the event that evicts a key, counted from 0.
using DeathTime = std::int32_t;
inline constexpr DeathTime kNever = std::numeric_limits<DeathTime>::max();

}  // namespace kvcompare
