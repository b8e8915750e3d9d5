// One layer as the units of a batch pass it: the steps, each on a tile of a unit or on a unit as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "presses/attention_rule.h"
#include "presses/rounds.h"
#include "worker/cpu/expert_weights.h"
#include "worker/cpu/lane.h"
#include "worker/cpu/row_kernels.h"
#include "worker/cpu/unit_in_flight.h"
#include "worker/engine/death_observer.h"
#include "worker/model/decoder.h"
#include "worker/model/fused_layer.h"
#include "worker/model/rotation_tables.h"

namespace kvcompare {

// T: float or double. Tiles touch nothing of each other: any threads may take them. All that is passed to the
// constructor outlives the object.
template <class T>
class LayerPass {
 public:
  LayerPass(const Decoder& decoder, LayerIndex layer, const FusedLayer& weights,
            const RotationTables& rotations);

  // On a row tile, which begins with token `begin`: input norm, q, k and v with RoPE. Shows the tokens to the
  // unit's press. Throws std::domain_error if a number is not finite.
  void project(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const;

  // Rounds that write unit.deaths. Those of a unit at a time. Null if nothing is left to do.
  std::unique_ptr<Rounds> decide(UnitInFlight<T>& unit) const;

  // Counts the keys of unit.deaths where the layer evicts, and writes unit.until: the query at which a key
  // dies or leaves the window.
  void account(UnitInFlight<T>& unit, const DeathObserver& observe_deaths) const;

  // On an attention tile: unit.heads of the query heads of one KV head.
  void attend(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t kv_head, std::int64_t first_query) const;

  // On a row tile: what attention adds to the residual stream, and the MLP.
  void finish(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const;

  // The same where the layer has experts. On a row tile: what attention adds and the choice of experts. On
  // some row tiles, from token `begin` to `end`: what a group of experts gives, group by group in the order
  // of the experts; all of them may be one group. On a row tile: the end.
  void choose_experts(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const;
  void pass_experts(std::span<const ExpertWeights> group, Lane<T>& lane, UnitInFlight<T>& unit,
                    std::int64_t begin, std::int64_t end) const;
  void add_experts(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const;

 private:
  // What is done to a product on its way to the residual stream; undefined tensors: nothing.
  struct Addend {
    at::Tensor bias, norm, norm_bias;
  };

  LayerView tile(const at::Tensor& hidden, const at::Tensor& qkv, const UnitInFlight<T>& unit,
                 std::int64_t begin) const;
  LayerView whole(const UnitInFlight<T>& unit) const;
  at::Tensor split_heads(const at::Tensor& rows) const;
  void distribute(UnitInFlight<T>& unit, const LayerRotation& rotation, T* qkv, std::int64_t position) const;
  at::Tensor add_attention(Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const;
  at::Tensor normed(Lane<T>& lane, const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias) const;
  void add_to_stream(Lane<T>& lane, const at::Tensor& rows, const at::Tensor& weight, const Addend& addend,
                     const at::Tensor& x) const;
  void norm_and_add(const at::Tensor& delta, const at::Tensor& norm, const at::Tensor& bias,
                    const at::Tensor& x) const;
  AttentionRule rule(const UnitInFlight<T>& unit) const;

  const Decoder& decoder_;
  const LayerIndex index_;
  const std::int64_t place_;  // among the layers that evict
  const LayerShape& shape_;
  const FusedLayer& w_;
  const RotationTables& rotations_;
  RowGating gating_;
};

}  // namespace kvcompare
