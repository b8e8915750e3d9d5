// The rule by which the queries of a layer attend to its keys.
#pragma once

#include <cstdint>
#include <optional>

#include "presses/attention_scale.h"
#include "presses/rope.h"

namespace kvcompare {

struct AttentionRule {
  const Rope* rope = nullptr;  // rotates queries and keys of the layer; outlives the unit
  AttentionScale scale{};
  // How many keys before and with its own a query sees: key j if i - j < window. Absent: all of them.
  std::optional<std::int64_t> window = std::nullopt;
};

}  // namespace kvcompare
