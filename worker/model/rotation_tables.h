// Cosine and sine of every position so far asked for, for each rotary embedding of a decoder.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "worker/model/ropes.h"

namespace kvcompare {

// Of the queries and of the keys of a layer: the same tensors where queries have no scale of their own.
struct LayerRotation {
  Rotation q, k;
};

class RotationTables {
 public:
  //   type, device : of the tables. Angles are float64 before they are converted.
  //   decoder      : outlives the tables
  RotationTables(const Decoder& decoder, at::ScalarType type, const c10::Device& device = at::kCPU);

  // Makes the tables of a sample of that many tokens, on the current stream of the device. Samples share
  // tables unless frequencies depend on their lengths.
  void reach(std::int64_t n_tokens);

  // Drops tables that samples of one length alone use. No engine reads tables while this is called.
  void forget_lengths();

  // Of a sample whose length was reached: [n, d_head / 2], where n is at least n_tokens.
  const LayerRotation& of(const LayerShape& layer, std::int64_t n_tokens) const {
    return tables(n_tokens).rotations[layer.rope];
  }

  // Of a sample whose length was reached: of the decoder, in its order, on the CPU.
  std::span<const Rope> ropes(std::int64_t n_tokens) const { return tables(n_tokens).ropes; }

  // Its rope is on the CPU, and lives as long as this object.
  AttentionRule rule(const LayerShape& layer, std::int64_t n_tokens) const {
    return rule_of(layer, ropes(n_tokens));
  }

 private:
  struct Tables {
    std::vector<Rope> ropes{};
    std::vector<LayerRotation> rotations{};
    std::int64_t n_positions = 0;
  };
  const Tables& tables(std::int64_t n_tokens) const;

  const Decoder& decoder_;
  const at::ScalarType type_;
  const c10::Device device_;
  std::map<std::int64_t, Tables> tables_;  // by length_of_ropes()
};

}  // namespace kvcompare
