// The rule by which the queries of a layer attend to its keys.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "presses/attention_scale.h"
#include "presses/rope.h"

namespace kvcompare {

struct AttentionRule {
  const Rope* rope = nullptr;  // rotates queries and keys of the layer; outlives the unit
  AttentionScale scale{};
  // How many keys before and with its own a query sees: key j if i - j < window. Absent: all of them.
  std::optional<std::int64_t> window = std::nullopt;
  // Logits become cap tanh(logit / cap). Absent: they stay what they are. Scorers that expect attention, and
  // do not observe it, take them as they are.
  std::optional<double> cap = std::nullopt;
  // Of each query head, on the CPU unless the layer is elsewhere: a logit that stands in the softmax like one
  // of a key, and has no value. Undefined: heads have none.
  at::Tensor sinks{};  // [n_heads]

  // That of some of the heads.
  AttentionRule of_heads(std::int64_t first, std::int64_t n) const {
    auto rule = *this;
    if (sinks.defined()) rule.sinks = sinks.narrow(0, first, n);
    return rule;
  }
};

}  // namespace kvcompare
