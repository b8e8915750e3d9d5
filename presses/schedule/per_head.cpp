#include "presses/schedule/per_head.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros_like.h>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "presses/schedule/schedule_drifting.h"
#include "presses/schedule/schedule_fixed.h"
#include "presses/schedule/schedule_observing.h"

namespace kvcompare {
namespace {

using Fixed = std::unique_ptr<FixedScorer>;
using Drifting = std::unique_ptr<DriftingScorer>;
using Observing = std::unique_ptr<ObservingScorer>;

// What all schedules and evictions of a unit share. They refer to the scorer and the policy of the press that
// made them.
struct HeadPolicy {
  EvictionPolicy policy;
  std::int64_t n_sink;
};

at::Tensor joined(const at::Tensor& old, const at::Tensor& fresh, std::int64_t dim) {
  return old.defined() ? at::cat({old, fresh}, dim) : fresh;
}

// ---- over a whole sequence

class HeadSchedule : public DeathSchedule {
 public:
  HeadSchedule(const HeadPolicy& policy, const UnitShape& unit) : policy_(policy), unit_(unit) {}

 protected:
  // The part of the layer's tensors that belongs to a KV head. A tensor that the layer lacks stays undefined.
  WholeHead head_of(const LayerView& layer, std::int64_t kv_head) const {
    const auto group = unit_.n_heads / unit_.n_kv_heads;
    const auto queries = [&](const at::Tensor& q) {
      return q.defined() ? q.narrow(0, kv_head * group, group) : q;
    };
    const auto of_head = [&](const at::Tensor& x) { return x.defined() ? x.select(0, kv_head) : x; };
    return {.raw_q = queries(layer.raw_q),
            .q = queries(layer.q),
            .k = of_head(layer.k),
            .v = of_head(layer.v),
            .rule = layer.rule};
  }

  // One round, with one task for each KV head.
  template <class F>
  std::unique_ptr<Rounds> each_head(F f) const {
    return one_round(static_cast<std::size_t>(unit_.n_kv_heads),
                     [f](std::size_t head) { f(static_cast<std::int64_t>(head)); });
  }

  const HeadPolicy& policy_;
  const UnitShape unit_;
};

class KeepAllSchedule : public HeadSchedule {
 public:
  using HeadSchedule::HeadSchedule;
  std::unique_ptr<Rounds> decide(const LayerView& /*layer*/, const LayerDeathTimes& deaths) override {
    return each_head([deaths](std::int64_t h) { std::ranges::fill(deaths.of_head(h), kNever); });
  }
};

class FixedHeadSchedule : public HeadSchedule {
 public:
  FixedHeadSchedule(const FixedScorer& scorer, const HeadPolicy& policy, const UnitShape& unit)
      : HeadSchedule(policy, unit),
        scorer_(scorer),
        scores_(at::empty({unit.n_kv_heads, unit.chunking.n_tokens}, at::kDouble)) {}

  void see(const LayerView& tile) override {
    scores_.narrow(1, tile.first_position, tile.n_tokens).copy_(scorer_.score(tile));
  }

  std::unique_ptr<Rounds> decide(const LayerView& /*layer*/, const LayerDeathTimes& deaths) override {
    return each_head([this, deaths](std::int64_t h) {
      const auto* first = scores_.const_data_ptr<double>() + h * scores_.stride(0);
      schedule_fixed(policy_.policy, policy_.n_sink, unit_.chunking,
                     {first, static_cast<std::size_t>(unit_.chunking.n_tokens)}, deaths.of_head(h));
    });
  }

 private:
  const FixedScorer& scorer_;
  const at::Tensor scores_;  // [n_kv_heads, n_tokens]
};

class DriftingHeadSchedule : public HeadSchedule {
 public:
  DriftingHeadSchedule(const DriftingScorer& scorer, const HeadPolicy& policy, const UnitShape& unit)
      : HeadSchedule(policy, unit), scorer_(scorer) {}

  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    std::vector<DriftingHead> heads;
    for (std::int64_t h = 0; h < unit_.n_kv_heads; ++h)
      heads.push_back(
          {[this, layer, h] { return scorer_.start_head(head_of(layer, h)); }, deaths.of_head(h)});
    return drifting_rounds(policy_.policy, policy_.n_sink, unit_.chunking, std::move(heads));
  }

 private:
  const DriftingScorer& scorer_;
};

class ObservingHeadSchedule : public HeadSchedule {
 public:
  ObservingHeadSchedule(const ObservingScorer& scorer, const HeadPolicy& policy, const UnitShape& unit)
      : HeadSchedule(policy, unit), scorer_(scorer) {}

  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    std::vector<ObservingHead> heads;
    for (std::int64_t h = 0; h < unit_.n_kv_heads; ++h)
      heads.push_back({[this, layer, h] { return head_of(layer, h); }, deaths.of_head(h)});
    return observing_rounds(policy_.policy, policy_.n_sink, unit_.chunking, scorer_, std::move(heads));
  }

 private:
  const ObservingScorer& scorer_;
};

// ---- event by event

class HeadEviction : public LayerEviction {
 public:
  explicit HeadEviction(const HeadPolicy& policy) : policy_(policy) {}

  std::vector<at::Tensor> evict(const Event& event, std::span<const AliveKeys> heads) override {
    std::vector<at::Tensor> kept(heads.size());
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const auto& positions = heads[h].positions;
      if (!may_evict(policy_.policy, policy_.n_sink, event, positions.size(0))) continue;
      const auto scores = score(h, event.n, heads[h]);
      kept[h] = survivors(policy_.policy, policy_.n_sink, event, positions, scores);
      forget_others(h, kept[h]);
    }
    return kept;
  }

 protected:
  virtual at::Tensor score(std::size_t kv_head, std::int64_t n, const AliveKeys& alive) = 0;  // [n_alive]
  virtual void forget_others(std::size_t /*kv_head*/, const at::Tensor& /*survivors*/) {}

  const HeadPolicy& policy_;
};

class KeepAllEviction : public LayerEviction {
  std::vector<at::Tensor> evict(const Event& /*event*/, std::span<const AliveKeys> heads) override {
    return std::vector<at::Tensor>(heads.size());
  }
};

class FixedHeadEviction : public HeadEviction {
 public:
  FixedHeadEviction(const FixedScorer& scorer, const HeadPolicy& policy, const UnitShape& unit)
      : HeadEviction(policy), scorer_(scorer), scores_(static_cast<std::size_t>(unit.n_kv_heads)) {}

  void append(const LayerView& chunk) override {
    const auto scores = scorer_.score(chunk);
    for (std::size_t h = 0; h < scores_.size(); ++h)
      scores_[h] = joined(scores_[h], scores.select(0, static_cast<std::int64_t>(h)).contiguous(), 0);
  }

 protected:
  at::Tensor score(std::size_t kv_head, std::int64_t /*n*/, const AliveKeys& /*alive*/) override {
    return scores_[kv_head];
  }
  void forget_others(std::size_t kv_head, const at::Tensor& survivors) override {
    scores_[kv_head] = scores_[kv_head].index_select(0, survivors);
  }

 private:
  const FixedScorer& scorer_;
  std::vector<at::Tensor> scores_;  // of each KV head, [n_alive]
};

class DriftingHeadEviction : public HeadEviction {
 public:
  DriftingHeadEviction(const DriftingScorer& scorer, const HeadPolicy& policy)
      : HeadEviction(policy), layer_(scorer.start_layer()) {}

  void append(const LayerView& chunk) override { layer_->append(chunk); }

 protected:
  at::Tensor score(std::size_t kv_head, std::int64_t n, const AliveKeys& alive) override {
    return layer_->score(n, static_cast<std::int64_t>(kv_head), alive);
  }

 private:
  const std::unique_ptr<DriftingScorer::Layer> layer_;
};

// Gathers the attention that each key receives from the queries that count.
class ObservingHeadEviction : public HeadEviction {
 public:
  ObservingHeadEviction(const ObservingScorer& scorer, const HeadPolicy& policy, const UnitShape& unit)
      : HeadEviction(policy), scorer_(scorer), rows_(static_cast<std::size_t>(unit.n_kv_heads)) {}

  void observe(std::int64_t kv_head, const at::Tensor& weights) override {
    auto& rows = rows_[static_cast<std::size_t>(kv_head)];
    const auto n_queries = scorer_.last_queries();
    if (!n_queries) {
      rows = {added(rows, weights.sum(1, /*keepdim=*/false, at::kDouble))};
      return;
    }
    for (std::int64_t i = 0; i < weights.size(1); ++i) rows.push_back(weights.select(1, i).to(at::kDouble));
    while (std::ssize(rows) > *n_queries) rows.pop_front();
  }

 protected:
  at::Tensor score(std::size_t kv_head, std::int64_t n, const AliveKeys& alive) override {
    return scorer_.score(n, alive.positions, added(rows_[kv_head], {}));
  }
  void forget_others(std::size_t kv_head, const at::Tensor& survivors) override {
    for (auto& row : rows_[kv_head])  // a row ends with the keys of its chunk
      row = row.index_select(1, survivors.masked_select(survivors.lt(row.size(1))));
  }

 private:
  using Rows = std::deque<at::Tensor>;  // of each: [group, keys that were alive and still are], float64

  // Returns the sum of the rows. A row that is shorter than the last one counts as padded with zeros.
  //   last : the longest row, or undefined
  static at::Tensor added(const Rows& rows, at::Tensor last) {
    if (!last.defined()) last = at::zeros_like(rows.back());
    for (const auto& row : rows) last.narrow(1, 0, row.size(1)).add_(row);
    return last;
  }

  const ObservingScorer& scorer_;
  std::vector<Rows> rows_;  // of each KV head: a row a query that counts; one, their sum, if all do
};

// ---- both

class PerHead : public LayerPress {
 public:
  PerHead(Scorer scorer, const MethodSpec& method)
      : scorer_(std::move(scorer)), policy_{method.policy, sinks_of(method)} {}

  PressNeeds needs() const override {
    const auto own = needs_of(scorer_);
    if (std::holds_alternative<Fixed>(scorer_)) return {.tile = own, .layer = {}, .chunk = own};
    if (std::holds_alternative<Observing>(scorer_))
      return {.tile = {}, .layer = {.q = true, .k = true}, .chunk = own};
    return {.tile = {}, .layer = own, .chunk = own};
  }

  std::unique_ptr<DeathSchedule> start_schedule(const UnitShape& unit) const override {
    if (const auto* fixed = std::get_if<Fixed>(&scorer_))
      return std::make_unique<FixedHeadSchedule>(**fixed, policy_, unit);
    if (const auto* drifting = std::get_if<Drifting>(&scorer_))
      return std::make_unique<DriftingHeadSchedule>(**drifting, policy_, unit);
    if (const auto* observing = std::get_if<Observing>(&scorer_))
      return std::make_unique<ObservingHeadSchedule>(**observing, policy_, unit);
    return std::make_unique<KeepAllSchedule>(policy_, unit);
  }

  std::unique_ptr<LayerEviction> start_eviction(const UnitShape& unit) const override {
    if (const auto* fixed = std::get_if<Fixed>(&scorer_))
      return std::make_unique<FixedHeadEviction>(**fixed, policy_, unit);
    if (const auto* drifting = std::get_if<Drifting>(&scorer_))
      return std::make_unique<DriftingHeadEviction>(**drifting, policy_);
    if (const auto* observing = std::get_if<Observing>(&scorer_))
      return std::make_unique<ObservingHeadEviction>(**observing, policy_, unit);
    return std::make_unique<KeepAllEviction>();
  }

 private:
  const Scorer scorer_;
  const HeadPolicy policy_;
};

}  // namespace

std::unique_ptr<LayerPress> per_head(Scorer scorer, const MethodSpec& method) {
  return std::make_unique<PerHead>(std::move(scorer), method);
}

}  // namespace kvcompare
