// How the tiled engine computes: a batch of units passes the model together, a phase after the other. Every
// phase is a list of tiles of all units, which the threads of a team share. A tile begins at a fixed place of
// its own sample and sees nothing of the others, so a unit's numbers depend neither on its company nor on the
// threads.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include "worker/cpu/head_pass.h"
#include "worker/cpu/interval_attention.h"
#include "worker/cpu/lane.h"
#include "worker/cpu/packed_weights.h"
#include "worker/cpu/products.h"
#include "worker/cpu/row_kernels.h"
#include "worker/cpu/tiled_engine.h"
#include "worker/cpu/unit_in_flight.h"
#include "worker/devices/tile_team.h"
#include "worker/engine/batch_work.h"

namespace kvcompare {

inline void add_if_any(const at::Tensor& rows, const at::Tensor& bias) {
  if (bias.defined()) rows.add_(bias);
}

// cos and sin of every position, in T: [n_positions, d_head / 2].
struct RotationTable {
  at::Tensor cos, sin;
  std::int64_t n_positions = 0;
};

template <class T>
class Batch {
 public:
  Batch(PackedWeights& weights, const Rope& rope, const RotationTable& rotations, std::vector<Lane<T>>& lanes,
        TileTeam& team, std::int64_t rows_in_tile, const TiledOptions& options)
      : weights_(weights),
        config_(weights.config()),
        rope_(rope),
        rotations_(rotations),
        lanes_(lanes),
        team_(team),
        rows_in_tile_(rows_in_tile),
        options_(options) {}

  // Units that share a sample share the reading of its embedding.
  void add(UnitInFlight<T>& unit) {
    auto& embedded = embedded_[unit.sample.index];
    unit.x = embedded.defined() ? embedded.clone()
                                : weights_.embed(unit.sample.ids).to(c10::CppTypeToScalarType<T>::value);
    embedded = unit.x;
    units_.push_back(&unit);
  }

  void run(BatchWork& work) {
    list_tiles();
    double of_layer = 0;
    for (const auto* unit : units_) of_layer += layer_operations(config_, 0, unit->n_tokens());
    std::shared_ptr<const FusedLayer> layer;
    for (std::int64_t l = 0; l < config_.n_layers; ++l) {
      layer.reset();
      layer = weights_.layer(l);
      each(Phase::kProjections, row_tiles_, [&](auto& lane, auto& unit, const Tile& t) {
        project(LayerIndex(l), *layer, lane, unit, t.begin);
      });
      schedule(LayerIndex(l));
      account(LayerIndex(l));
      each(Phase::kAttention, attention_tiles_, [&](auto& lane, auto& unit, const Tile& t) {
        interval_attention_tile(heads_of(unit), t.kv_head, t.begin, lane.attention);
      });
      each(Phase::kMlp, row_tiles_,
           [&](auto& lane, auto& unit, const Tile& t) { finish_layer(*layer, lane, unit, t.begin); });
      work.done(of_layer);
    }
    layer.reset();
    HeadPass<T>(weights_, lanes_, team_).run(units_, work);
  }

 private:
  struct Tile {
    UnitInFlight<T>* unit;
    std::int64_t kv_head;
    std::int64_t begin;  // first token
  };
  struct Task {
    UnitInFlight<T>* unit;
    Rounds* rounds;
    std::size_t task;
  };

  void list_tiles() {
    const auto group = config_.n_heads / config_.n_kv_heads;
    for (auto* unit : units_) {
      for (std::int64_t i = 0; i < unit->n_tokens(); i += rows_in_tile_) row_tiles_.push_back({unit, 0, i});
      for (std::int64_t h = 0; h < config_.n_kv_heads; ++h)
        for (std::int64_t i = 0; i < unit->n_tokens(); i += n_queries_in_tile(group))
          attention_tiles_.push_back({unit, h, i});
    }
    // The largest first, so that the threads end together.
    std::ranges::stable_sort(attention_tiles_, std::greater(), &Tile::begin);
  }

  // f(lane, unit, tile) for the tiles, or tasks, of all units that have not failed.
  template <class Piece, class F>
  void each(Phase phase, const std::vector<Piece>& tiles, F f) {
    team_.for_each(tiles.size(), [&](std::size_t thread, std::size_t t) {
      auto& lane = lanes_[thread];
      auto& unit = *tiles[t].unit;
      if (unit.failed) return;
      const auto start = std::chrono::steady_clock::now();
      try {
        f(lane, unit, tiles[t]);
      } catch (...) {
        unit.fail(std::current_exception());
      }
      const auto ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
      unit.busy_ns += ns;
      lane.busy_ns[static_cast<std::size_t>(phase)] += ns;
    });
  }

  void norm(const at::Tensor& x, std::int64_t begin, std::int64_t n, const at::Tensor& weight,
            const at::Tensor& out) const {
    for (std::int64_t r = 0; r < n; ++r)
      rms_norm_row(row<T>(x, begin + r), weight.const_data_ptr<T>(), config_.rms_norm_eps,
                   size(config_.hidden_size), row<T>(out, r));
  }

  // Input norm, q, k, v with RoPE; and what the press does with tokens as they come.
  void project(LayerIndex index, const FusedLayer& w, Lane<T>& lane, UnitInFlight<T>& unit,
               std::int64_t begin) const {
    const auto n = std::min(rows_in_tile_, unit.n_tokens() - begin);
    const auto hidden = lane.hidden.narrow(0, 0, n);
    auto qkv = lane.qkv.narrow(0, 0, n);
    norm(unit.x, begin, n, w.input_norm, hidden);
    lane.products.multiply(hidden, w.qkv, qkv);
    add_if_any(qkv, w.qkv_bias);
    if (!all_finite(row<T>(qkv, 0), size(qkv.numel())))
      throw std::domain_error("layer " + std::to_string(index.value) +
                              ": a query, key or value is not finite; a wider --dtype may help");
    for (std::int64_t r = 0; r < n; ++r) distribute(w, unit, row<T>(qkv, r), begin + r);
    unit.schedule->see(what_is_needed(view_of(index, hidden, qkv, unit, begin), unit.needs.tile));
  }

  // Of a tile behind distribute(), which norms q and k in place. Views alone: nothing is copied.
  LayerView view_of(LayerIndex layer, const at::Tensor& hidden, const at::Tensor& qkv,
                    const UnitInFlight<T>& unit, std::int64_t begin) const {
    const auto n = qkv.size(0), n_heads = config_.n_heads, n_kv_heads = config_.n_kv_heads;
    const auto heads = [&](const at::Tensor& x) {
      return x.unflatten(1, {-1, config_.head_dim}).transpose(0, 1);
    };
    return {.hidden = hidden,
            .raw_q = heads(qkv).narrow(0, 0, n_heads),
            .raw_k = heads(qkv).narrow(0, n_heads, n_kv_heads),
            .q = heads(unit.q.narrow(0, begin, n)),
            .k = unit.k.narrow(1, begin, n),
            .v = unit.v.narrow(1, begin, n),
            .n_kv_heads = n_kv_heads,
            .n_tokens = n,
            .device = at::kCPU,
            .layer = layer,
            .sample = unit.sample.index,
            .first_position = begin};
  }

  // One token's q, k, v, side by side, to where they are kept.
  void distribute(const FusedLayer& w, UnitInFlight<T>& unit, T* qkv, std::int64_t position) const {
    const auto d = config_.head_dim;
    const auto n_pairs = size(d / 2);
    const T* cos = row<T>(rotations_.cos, position);
    const T* sin = row<T>(rotations_.sin, position);
    for (std::int64_t h = 0; h < config_.n_heads; ++h, qkv += d) {
      if (w.q_norm.defined())
        rms_norm_row(qkv, w.q_norm.const_data_ptr<T>(), config_.rms_norm_eps, size(d), qkv);
      if (unit.needs.layer.raw_q) std::copy_n(qkv, d, row<T>(unit.raw_q, position) + h * d);
      rotate_row(qkv, cos, sin, n_pairs, row<T>(unit.q, position) + h * d);
    }
    for (std::int64_t h = 0; h < config_.n_kv_heads; ++h, qkv += d) {
      if (w.k_norm.defined())
        rms_norm_row(qkv, w.k_norm.const_data_ptr<T>(), config_.rms_norm_eps, size(d), qkv);
      rotate_row(qkv, cos, sin, n_pairs, row<T>(unit.k, h) + position * d);
    }
    for (std::int64_t h = 0; h < config_.n_kv_heads; ++h, qkv += d)
      std::copy_n(qkv, d, row<T>(unit.v, h) + position * d);
  }

  // The rounds of all units side by side.
  void schedule(LayerIndex layer) {
    std::vector<std::unique_ptr<Rounds>> rounds;
    for (auto* unit : units_) rounds.push_back(unit->failed ? nullptr : rounds_of(layer, *unit));
    while (true) {
      std::vector<Task> tasks;
      for (std::size_t u = 0; u < units_.size(); ++u)
        for (std::size_t t = 0; rounds[u] && t < rounds[u]->n_tasks(); ++t)
          tasks.push_back({units_[u], rounds[u].get(), t});
      if (tasks.empty()) return;
      each(Phase::kSchedules, tasks, [](auto&, auto&, const Task& t) { t.rounds->run(t.task); });
      for (std::size_t u = 0; u < units_.size(); ++u) {
        if (units_[u]->failed) rounds[u].reset();
        if (rounds[u] && rounds[u]->n_tasks() > 0) rounds[u]->next_round();
      }
    }
  }

  std::unique_ptr<Rounds> rounds_of(LayerIndex layer, UnitInFlight<T>& unit) const {
    return unit.schedule->decide(what_is_needed(whole_layer(layer, unit), unit.needs.layer),
                                 {.first = unit.deaths.template mutable_data_ptr<std::int32_t>(),
                                  .n_kv_heads = config_.n_kv_heads,
                                  .n_tokens = unit.n_tokens()});
  }

  // All tokens. Views alone: nothing is copied.
  LayerView whole_layer(LayerIndex layer, const UnitInFlight<T>& unit) const {
    const auto heads = [&](const at::Tensor& x, bool is_needed) {
      return is_needed ? x.unflatten(1, {-1, config_.head_dim}).transpose(0, 1) : at::Tensor();
    };
    return {.hidden = {},
            .raw_q = heads(unit.raw_q, unit.needs.layer.raw_q),
            .raw_k = {},
            .q = heads(unit.q, unit.needs.layer.q),
            .k = unit.k,
            .v = unit.v,
            .n_kv_heads = config_.n_kv_heads,
            .n_tokens = unit.n_tokens(),
            .device = at::kCPU,
            .layer = layer,
            .sample = unit.sample.index,
            .first_position = 0};
  }

  static std::span<DeathTime> deaths_of(UnitInFlight<T>& unit, std::int64_t kv_head) {
    return {row<std::int32_t>(unit.deaths, kv_head), size(unit.n_tokens())};
  }

  // Counts the keys, and turns death times into what attention reads.
  void account(LayerIndex layer) {
    for (auto* unit : units_) {
      if (unit->failed) continue;
      for (std::int64_t h = 0; h < config_.n_kv_heads; ++h) {
        const auto deaths = deaths_of(*unit, h);
        unit->ledger.add_head(deaths);
        if (options_.observe_deaths) options_.observe_deaths(layer, h, deaths);
        for (auto& death : deaths) death = static_cast<std::int32_t>(unit->chunking.sees_until(death));
      }
    }
  }

  AttentionHeads<T> heads_of(const UnitInFlight<T>& unit) const {
    return {.n_heads = config_.n_heads,
            .n_kv_heads = config_.n_kv_heads,
            .n_tokens = unit.n_tokens(),
            .d_head = config_.head_dim,
            .q = row<T>(unit.q, 0),
            .k = unit.k.template const_data_ptr<T>(),
            .v = unit.v.template const_data_ptr<T>(),
            .until = unit.deaths.template const_data_ptr<std::int32_t>()};
  }

  // What attention adds to the residual stream, and the MLP.
  void finish_layer(const FusedLayer& w, Lane<T>& lane, UnitInFlight<T>& unit, std::int64_t begin) const {
    const auto n = std::min(rows_in_tile_, unit.n_tokens() - begin);
    auto x = unit.x.narrow(0, begin, n);
    lane.products.add_product(unit.q.narrow(0, begin, n), w.o, x);
    add_if_any(x, w.o_bias);
    const auto hidden = lane.hidden.narrow(0, 0, n);
    auto gate_up = lane.gate_up.narrow(0, 0, n);
    norm(unit.x, begin, n, w.post_attention_norm, hidden);
    lane.products.multiply(hidden, w.gate_up, gate_up);
    add_if_any(gate_up, w.gate_up_bias);
    const auto d_ff = config_.intermediate_size;
    for (std::int64_t r = 0; r < n; ++r)
      silu_mul_row(row<T>(gate_up, r), row<T>(gate_up, r) + d_ff, size(d_ff), row<T>(lane.gated, r));
    lane.products.add_product(lane.gated.narrow(0, 0, n), w.down, x);
    add_if_any(x, w.down_bias);
  }

  PackedWeights& weights_;
  const ModelConfig& config_;
  const Rope& rope_;
  const RotationTable& rotations_;
  std::vector<Lane<T>>& lanes_;
  TileTeam& team_;
  const std::int64_t rows_in_tile_;
  const TiledOptions& options_;
  std::vector<UnitInFlight<T>*> units_;
  std::map<SampleIndex, at::Tensor> embedded_;
  std::vector<Tile> row_tiles_, attention_tiles_;
};

}  // namespace kvcompare
