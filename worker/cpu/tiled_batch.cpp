#include "worker/cpu/tiled_batch.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>

#include "worker/cpu/head_pass.h"
#include "worker/model/logits.h"

namespace kvcompare {

template <class T>
TiledBatch<T>::TiledBatch(PackedWeights& weights, const RotationTables& rotations,
                          std::vector<Lane<T>>& lanes, TileTeam& team, const DeathObserver& observe_deaths)
    : weights_(weights),
      decoder_(weights.decoder()),
      rotations_(rotations),
      lanes_(lanes),
      team_(team),
      observe_deaths_(observe_deaths) {}

template <class T>
void TiledBatch<T>::add(UnitInFlight<T>& unit) {
  auto& embedded = embedded_[unit.sample.index];
  if (embedded.defined()) {
    unit.x = embedded.clone();
  } else {
    unit.x = weights_.embed(unit.sample.ids).to(c10::CppTypeToScalarType<T>::value);
    if (decoder_.embedding_multiplier != 1) unit.x.mul_(embedding_multiplier_in(decoder_, weights_.dtype()));
  }
  embedded = unit.x;
  units_.push_back(&unit);
}

template <class T>
void TiledBatch<T>::run(BatchWork& work) {
  list_tiles();
  std::shared_ptr<const FusedLayer> weights;
  for (std::int64_t l = 0; l < decoder_.n_layers(); ++l) {
    weights.reset();
    weights = weights_.layer(l);
    pass_layer(LayerIndex(l), LayerPass<T>(decoder_, LayerIndex(l), *weights, rotations_));
    double operations = 0;
    for (const auto* unit : units_) operations += layer_operations(decoder_, l).of(0, unit->n_tokens());
    work.done(operations);
  }
  weights.reset();
  HeadPass<T>(weights_, lanes_, team_).run(units_, work);
}

template <class T>
void TiledBatch<T>::list_tiles() {
  const auto& heads = heads_of(decoder_);
  for (auto* unit : units_) {
    for (std::int64_t i = 0; i < unit->n_tokens(); i += lanes_.front().n_rows)
      row_tiles_.push_back({unit, 0, i});
    for (std::int64_t h = 0; h < heads.n_kv_heads; ++h)
      for (std::int64_t i = 0; i < unit->n_tokens(); i += n_queries_in_tile(heads.group()))
        attention_tiles_.push_back({unit, h, i});
  }
  // The largest first, so that the threads end together.
  std::ranges::stable_sort(attention_tiles_, std::greater(), &Tile::begin);
}

template <class T>
void TiledBatch<T>::pass_layer(LayerIndex index, const LayerPass<T>& layer) {
  each(Phase::kProjections, row_tiles_,
       [&](auto& lane, auto& unit, const Tile& t) { layer.project(lane, unit, t.begin); });
  schedule(layer);
  for (auto* unit : units_)
    if (!unit->failed) layer.account(*unit, observe_deaths_);
  each(Phase::kAttention, attention_tiles_,
       [&](auto& lane, auto& unit, const Tile& t) { layer.attend(lane, unit, t.kv_head, t.begin); });
  if (decoder_.layer(index.value).mlp.has_experts()) return pass_experts(index, layer);
  each(Phase::kMlp, row_tiles_,
       [&](auto& lane, auto& unit, const Tile& t) { layer.finish(lane, unit, t.begin); });
}

// All units choose before the first expert is read.
template <class T>
void TiledBatch<T>::pass_experts(LayerIndex index, const LayerPass<T>& layer) {
  for (auto* unit : units_) {
    if (!unit->expert_sum.defined()) {
      unit->expert_hidden = at::empty_like(unit->x);
      unit->expert_sum = at::empty_like(unit->x);
    }
    unit->routings.assign(static_cast<std::size_t>((unit->n_tokens() - 1) / lanes_.front().n_rows + 1), {});
  }
  each(Phase::kMlp, row_tiles_,
       [&](auto& lane, auto& unit, const Tile& t) { layer.choose_experts(lane, unit, t.begin); });
  const auto spans = expert_spans(decoder_.layer(index.value).mlp.experts);
  const auto pass = [&](std::span<const ExpertWeights> group) {
    each(Phase::kMlp, spans, [&](auto& lane, auto& unit, const Span& s) {
      layer.pass_experts(group, lane, unit, s.begin, s.end);
    });
  };
  if (weights_.streams())
    weights_.stream_experts(index.value, chosen_experts(), pass);
  else
    pass(weights_.experts(index.value));
  each(Phase::kMlp, row_tiles_,
       [&](auto& lane, auto& unit, const Tile& t) { layer.add_experts(lane, unit, t.begin); });
}

// So long that an expert gets as many rows as a row tile has, on average; shorter where threads would be
// idle.
template <class T>
auto TiledBatch<T>::expert_spans(const ExpertsShape& shape) const -> std::vector<Span> {
  const auto n_rows = lanes_.front().n_rows;
  std::int64_t n_tokens = 0;
  for (const auto* unit : units_) n_tokens += unit->n_tokens();
  const auto n_tiles = std::min((shape.n - 1) / shape.n_chosen,
                                (n_tokens - 1) / (n_rows * static_cast<std::int64_t>(team_.n_threads()))) +
                       1;
  std::vector<Span> spans;
  for (auto* unit : units_)
    for (std::int64_t i = 0; i < unit->n_tokens(); i += n_tiles * n_rows)
      spans.push_back({unit, i, std::min(i + n_tiles * n_rows, unit->n_tokens())});
  return spans;
}

// Those to which a row of any unit goes, ascending.
template <class T>
std::vector<std::int64_t> TiledBatch<T>::chosen_experts() const {
  std::set<std::int64_t> chosen;
  for (const auto* unit : units_)
    if (!unit->failed)
      for (const auto& routing : unit->routings)
        for (std::size_t e = 0; e < routing.size(); ++e)
          if (!routing[e].empty()) chosen.insert(static_cast<std::int64_t>(e));
  return {chosen.begin(), chosen.end()};
}

// The rounds of all units side by side.
template <class T>
void TiledBatch<T>::schedule(const LayerPass<T>& layer) {
  std::vector<std::unique_ptr<Rounds>> rounds;
  for (auto* unit : units_) rounds.push_back(unit->failed ? nullptr : layer.decide(*unit));
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

template <class T>
template <class Piece, class F>
void TiledBatch<T>::each(Phase phase, const std::vector<Piece>& tiles, const F& f) {
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

template class TiledBatch<float>;
template class TiledBatch<double>;

}  // namespace kvcompare
