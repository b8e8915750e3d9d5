// Cosine and sine of every position so far asked for, for each rotary embedding of a decoder.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "worker/model/ropes.h"

namespace kvcompare {

class RotationTables {
 public:
  //   type, device : of the tables. Angles are float64 before they are converted.
  RotationTables(const Decoder& decoder, at::ScalarType type, const c10::Device& device = at::kCPU);

  // Makes the tables as long as that, on the current stream of the device.
  void reach(std::int64_t n_positions);

  // [n, d_head / 2], where n is at least what reach() was asked for.
  const Rotation& of(const LayerShape& layer) const { return tables_[layer.rope]; }

  // Of the decoder, in its order, on the CPU.
  std::span<const Rope> ropes() const { return ropes_; }

  // Its rope is on the CPU, and lives as long as this object.
  AttentionRule rule(const LayerShape& layer) const { return rule_of(layer, ropes_); }

 private:
  const at::ScalarType type_;
  const c10::Device device_;
  const std::vector<Rope> ropes_;
  std::vector<Rotation> tables_;
  std::int64_t n_positions_ = 0;
};

}  // namespace kvcompare
