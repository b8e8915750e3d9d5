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
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "common/errors.h"
#include "common/run/method_parameters.h"
#include "presses/schedule/schedule_drifting.h"
#include "presses/schedule/schedule_fixed.h"
#include "presses/schedule/schedule_observing.h"

namespace kvcompare {
namespace {

using Fixed = std::unique_ptr<FixedScorer>;
using Late = std::unique_ptr<LateScorer>;
using Drifting = std::unique_ptr<DriftingScorer>;
using Observing = std::unique_ptr<ObservingScorer>;

at::Tensor joined(const at::Tensor& old, const at::Tensor& fresh, std::int64_t dim) {
  return old.defined() ? at::cat({old, fresh}, dim) : fresh;
}

EvictionRule rule_of(const MethodSpec& method, const UnitShape& unit) {
  auto rule = rule_of(method, unit.chunking);
  rule.n_layers = unit.n_layers;
  return rule;
}

// What a budget must know of its scorer.
EvictionRule with_scorer(EvictionRule rule, const ObservingScorer& scorer) {
  rule.window = scorer.window();
  rule.protected_from = [&scorer](std::int64_t n, std::int64_t budget) {
    return scorer.protected_from(n, budget);
  };
  return rule;
}
EvictionRule with_scorer(EvictionRule rule, const LateScorer& scorer) {
  rule.protected_from = [&scorer](std::int64_t n, std::int64_t /*budget*/) { return scorer.n_scored(n); };
  return rule;
}

// ---- over a whole sequence

class HeadSchedule : public DeathSchedule {
 public:
  HeadSchedule(EvictionRule rule, const UnitShape& unit) : rule_(std::move(rule)), unit_(unit) {}

 protected:
  EvictionRule rule_in(const LayerView& layer) const {
    auto rule = rule_;
    rule.layer = layer.place;
    return rule;
  }

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
            .rule = layer.rule.of_heads(kv_head * group, group)};
  }

  // One round, with one task for each KV head.
  template <class F>
  std::unique_ptr<Rounds> each_head(F f) const {
    return one_round(static_cast<std::size_t>(unit_.n_kv_heads),
                     [f](std::size_t head) { f(static_cast<std::int64_t>(head)); });
  }

  // The tasks that decide the heads of a layer by scores that do not change: one for each head, or one for
  // all heads if they share their budgets.
  //   scores : [n_kv_heads, n_tokens], float64, contiguous; stay where they are
  Round decide_fixed(const LayerView& layer, const double* scores, const LayerDeathTimes& deaths) const {
    const auto of_head = [this, scores, deaths](std::int64_t h) -> FixedHead {
      const auto n = unit_.chunking.n_tokens;
      return {{scores + h * n, static_cast<std::size_t>(n)}, deaths.of_head(h)};
    };
    if (!shares_heads(rule_))
      return {static_cast<std::size_t>(unit_.n_kv_heads),
              [this, of_head, rule = rule_in(layer)](std::size_t h) {
                const auto head = of_head(static_cast<std::int64_t>(h));
                schedule_fixed(rule, unit_.chunking, head.scores, head.deaths);
              }};
    return {1, [this, of_head, rule = rule_in(layer)](std::size_t) {
              std::vector<FixedHead> heads;
              for (std::int64_t h = 0; h < unit_.n_kv_heads; ++h) heads.push_back(of_head(h));
              schedule_fixed_layer(rule, unit_.chunking, heads);
            }};
  }

  const EvictionRule rule_;
  const UnitShape unit_;
};

class KeepAllSchedule : public HeadSchedule {
 public:
  using HeadSchedule::HeadSchedule;
  std::unique_ptr<Rounds> decide(const LayerView& /*layer*/, const LayerDeathTimes& deaths) override {
    return one_round(static_cast<std::size_t>(unit_.n_kv_heads), [deaths](std::size_t h) {
      std::ranges::fill(deaths.of_head(static_cast<std::int64_t>(h)), kNever);
    });
  }
};

class FixedHeadSchedule : public HeadSchedule {
 public:
  FixedHeadSchedule(const FixedScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadSchedule(rule_of(method, unit), unit),
        scorer_(scorer),
        scores_(at::empty({unit.n_kv_heads, unit.chunking.n_tokens}, at::kDouble)) {}

  void see(const LayerView& tile) override {
    scores_.narrow(1, tile.first_position, tile.n_tokens).copy_(scorer_.score(tile));
  }

  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    return rounds_in_turn({decide_fixed(layer, scores_.const_data_ptr<double>(), deaths)});
  }

 private:
  const FixedScorer& scorer_;
  const at::Tensor scores_;  // [n_kv_heads, n_tokens]
};

class LateHeadSchedule : public HeadSchedule {
 public:
  LateHeadSchedule(const LateScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadSchedule(with_scorer(rule_of(method, unit), scorer), unit),
        scorer_(scorer),
        scores_(at::zeros({unit.n_kv_heads, unit.chunking.n_tokens}, at::kDouble)) {}

  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    return rounds_in_turn(
        {{static_cast<std::size_t>(unit_.n_kv_heads),
          [this, layer](std::size_t h) { score_head(layer, static_cast<std::int64_t>(h)); }},
         decide_fixed(layer, scores_.const_data_ptr<double>(), deaths)});
  }

 private:
  void score_head(const LayerView& layer, std::int64_t h) const {
    const auto n = scorer_.n_scored(unit_.chunking.events_until);  // what comes later no event ranks
    const auto of_head = [&](const at::Tensor& x) { return x.defined() ? x.narrow(0, h, 1) : x; };
    scores_.narrow(0, h, 1).narrow(1, 0, n).copy_(scorer_.score(of_head(layer.k), of_head(layer.v), 0, n));
  }

  const LateScorer& scorer_;
  const at::Tensor scores_;  // [n_kv_heads, n_tokens], 0 where there is none
};

class DriftingHeadSchedule : public HeadSchedule {
 public:
  DriftingHeadSchedule(const DriftingScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadSchedule(rule_of(method, unit), unit), scorer_(scorer) {}

  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    std::vector<DriftingHead> heads;
    for (std::int64_t h = 0; h < unit_.n_kv_heads; ++h)
      heads.push_back(
          {[this, layer, h] { return scorer_.start_head(head_of(layer, h)); }, deaths.of_head(h)});
    return drifting_rounds(rule_in(layer), unit_.chunking, std::move(heads));
  }

 private:
  const DriftingScorer& scorer_;
};

class ObservingHeadSchedule : public HeadSchedule {
 public:
  ObservingHeadSchedule(const ObservingScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadSchedule(with_scorer(rule_of(method, unit), scorer), unit), scorer_(scorer) {}

  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    std::vector<ObservingHead> heads;
    for (std::int64_t h = 0; h < unit_.n_kv_heads; ++h)
      heads.push_back({[this, layer, h] { return head_of(layer, h); }, deaths.of_head(h)});
    return observing_rounds(rule_in(layer), unit_.chunking, scorer_, std::move(heads));
  }

 private:
  const ObservingScorer& scorer_;
};

// ---- event by event

class HeadEviction : public LayerEviction {
 public:
  explicit HeadEviction(EvictionRule rule) : rule_(std::move(rule)) {}

  void append(const LayerView& chunk) final {
    rule_.layer = chunk.place;
    take(chunk);
  }

  std::vector<at::Tensor> evict(const Event& event, std::span<const AliveKeys> heads) override {
    return shares_heads(rule_) ? evict_together(event, heads) : evict_each(event, heads);
  }

 protected:
  virtual void take(const LayerView& /*chunk*/) {}
  // Before any head is scored: what is needed of all heads.
  virtual void begin_scores(std::int64_t /*n*/, std::span<const AliveKeys> /*heads*/) {}
  virtual at::Tensor score(std::size_t kv_head, std::int64_t n, const AliveKeys& alive) = 0;  // [n_alive]
  virtual void forget_others(std::size_t /*kv_head*/, const at::Tensor& /*survivors*/) {}

 private:
  std::vector<at::Tensor> evict_each(const Event& event, std::span<const AliveKeys> heads) {
    std::vector<at::Tensor> kept(heads.size()), scores(heads.size());
    const auto may_go = [&](const AliveKeys& head) {
      return may_evict(rule_, event, head.positions.size(0));
    };
    if (std::ranges::any_of(heads, may_go)) begin_scores(event.n, heads);
    for (std::size_t h = 0; h < heads.size(); ++h) {
      if (!may_go(heads[h])) continue;
      kept[h] = survivors(rule_, event, heads[h].positions, score(h, event.n, heads[h]));
    }
    for (std::size_t h = 0; h < heads.size(); ++h)
      if (kept[h].defined()) forget_others(h, kept[h]);
    return kept;
  }

  std::vector<at::Tensor> evict_together(const Event& event, std::span<const AliveKeys> heads) {
    std::vector<at::Tensor> kept(heads.size());
    std::int64_t n_alive = 0;
    for (const auto& head : heads) n_alive += head.positions.size(0);
    if (!may_evict(rule_, event, n_alive, std::ssize(heads))) return kept;
    begin_scores(event.n, heads);
    std::vector<at::Tensor> positions, scores;  // on the host
    std::vector<RankedKeys> ranked;
    for (std::size_t h = 0; h < heads.size(); ++h) {
      positions.push_back(heads[h].positions.to(at::kCPU, at::kInt).contiguous());
      scores.push_back(score(h, event.n, heads[h]).to(at::kCPU, at::kDouble).contiguous());
      const auto n = static_cast<std::size_t>(positions.back().size(0));
      ranked.push_back({{positions.back().const_data_ptr<std::int32_t>(), n},
                        {scores.back().const_data_ptr<double>(), n}});
    }
    const auto survivors = survivors_of_layer(rule_, event, ranked);
    for (std::size_t h = 0; h < heads.size(); ++h) {
      kept[h] = at::tensor(survivors[h], at::kLong).to(heads[h].positions.device());
      forget_others(h, kept[h]);
    }
    return kept;
  }

  EvictionRule rule_;
};

class KeepAllEviction : public LayerEviction {
  std::vector<at::Tensor> evict(const Event& /*event*/, std::span<const AliveKeys> heads) override {
    return std::vector<at::Tensor>(heads.size());
  }
};

class FixedHeadEviction : public HeadEviction {
 public:
  FixedHeadEviction(const FixedScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadEviction(rule_of(method, unit)),
        scorer_(scorer),
        scores_(static_cast<std::size_t>(unit.n_kv_heads)) {}

 protected:
  void take(const LayerView& chunk) override {
    const auto scores = scorer_.score(chunk);
    for (std::size_t h = 0; h < scores_.size(); ++h)
      scores_[h] = joined(scores_[h], scores.select(0, static_cast<std::int64_t>(h)).contiguous(), 0);
  }
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

// Holds keys and values of all tokens: evicted ones count too when those around them get their scores.
class LateHeadEviction : public HeadEviction {
 public:
  LateHeadEviction(const LateScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadEviction(with_scorer(rule_of(method, unit), scorer)), scorer_(scorer) {}

 protected:
  void take(const LayerView& chunk) override {
    for (auto [all, fresh] : {std::pair{&k_, &chunk.k}, std::pair{&v_, &chunk.v}})
      if (fresh->defined()) *all = joined(*all, *fresh, 1);
    const auto n_scored = scorer_.n_scored(chunk.first_position + chunk.n_tokens);
    if (n_scored == n_scored_) return;
    scores_ = joined(scores_, scorer_.score(k_, v_, n_scored_, n_scored), 1);
    n_scored_ = n_scored;
  }

  at::Tensor score(std::size_t kv_head, std::int64_t n, const AliveKeys& alive) override {
    auto scores = at::zeros({n}, alive.positions.options().dtype(at::kDouble));
    if (n_scored_ > 0)
      scores.narrow(0, 0, n_scored_).copy_(scores_.select(0, static_cast<std::int64_t>(kv_head)));
    return scores.index_select(0, alive.positions);
  }

 private:
  const LateScorer& scorer_;
  at::Tensor k_, v_;   // [n_kv_heads, n_tokens so far, d_head]
  at::Tensor scores_;  // [n_kv_heads, n_scored]
  std::int64_t n_scored_ = 0;
};

class DriftingHeadEviction : public HeadEviction {
 public:
  DriftingHeadEviction(const DriftingScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadEviction(rule_of(method, unit)), layer_(scorer.start_layer()) {}

 protected:
  void take(const LayerView& chunk) override { layer_->append(chunk); }
  at::Tensor score(std::size_t kv_head, std::int64_t n, const AliveKeys& alive) override {
    return layer_->score(n, static_cast<std::int64_t>(kv_head), alive);
  }

 private:
  const std::unique_ptr<DriftingScorer::Layer> layer_;
};

// Gathers the attention that each key receives from the queries that count.
class ObservingHeadEviction : public HeadEviction {
 public:
  ObservingHeadEviction(const ObservingScorer& scorer, const MethodSpec& method, const UnitShape& unit)
      : HeadEviction(with_scorer(rule_of(method, unit), scorer)),
        scorer_(scorer),
        rows_(static_cast<std::size_t>(unit.n_kv_heads)) {}

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
  // The mean over all query heads of the layer; a key that a head has evicted gets nothing from its queries.
  void begin_scores(std::int64_t n, std::span<const AliveKeys> heads) override {
    if (scorer_.received_from() == ReceivedFrom::kOwnHeads) return;
    of_layer_ = at::zeros({n}, heads.front().positions.options().dtype(at::kDouble));
    std::int64_t n_query_heads = 0;
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const auto received = added(rows_[h], {});
      n_query_heads += received.size(0);
      of_layer_.index_add_(0, heads[h].positions, received.sum(0));
    }
    of_layer_ = of_layer_ / n_query_heads;
  }

  at::Tensor score(std::size_t kv_head, std::int64_t n, const AliveKeys& alive) override {
    const auto received = of_layer_.defined() ? of_layer_.index_select(0, alive.positions).unsqueeze(0)
                                              : added(rows_[kv_head], {});
    return scorer_.score(n, alive.positions, received);
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
  at::Tensor of_layer_;     // [n]: what each position received, where the mean is over all heads
};

// ---- both

class PerHead : public LayerPress {
 public:
  PerHead(Scorer scorer, const MethodSpec& method) : scorer_(std::move(scorer)), method_(method) {}

  PressNeeds needs() const override {
    const auto own = needs_of(scorer_);
    if (std::holds_alternative<Fixed>(scorer_)) return {.tile = own, .layer = {}, .chunk = own};
    if (std::holds_alternative<Observing>(scorer_))
      return {.tile = {}, .layer = {.q = true, .k = true}, .chunk = own};
    return {.tile = {}, .layer = own, .chunk = own};
  }

  std::unique_ptr<DeathSchedule> start_schedule(const UnitShape& unit) const override {
    if (const auto* fixed = std::get_if<Fixed>(&scorer_))
      return std::make_unique<FixedHeadSchedule>(**fixed, method_, unit);
    if (const auto* late = std::get_if<Late>(&scorer_))
      return std::make_unique<LateHeadSchedule>(**late, method_, unit);
    if (const auto* drifting = std::get_if<Drifting>(&scorer_))
      return std::make_unique<DriftingHeadSchedule>(**drifting, method_, unit);
    if (const auto* observing = std::get_if<Observing>(&scorer_))
      return std::make_unique<ObservingHeadSchedule>(**observing, method_, unit);
    return std::make_unique<KeepAllSchedule>(rule_of(method_, unit), unit);
  }

  std::unique_ptr<LayerEviction> start_eviction(const UnitShape& unit) const override {
    if (const auto* fixed = std::get_if<Fixed>(&scorer_))
      return std::make_unique<FixedHeadEviction>(**fixed, method_, unit);
    if (const auto* late = std::get_if<Late>(&scorer_))
      return std::make_unique<LateHeadEviction>(**late, method_, unit);
    if (const auto* drifting = std::get_if<Drifting>(&scorer_))
      return std::make_unique<DriftingHeadEviction>(**drifting, method_, unit);
    if (const auto* observing = std::get_if<Observing>(&scorer_))
      return std::make_unique<ObservingHeadEviction>(**observing, method_, unit);
    return std::make_unique<KeepAllEviction>();
  }

 private:
  const Scorer scorer_;
  const MethodSpec method_;
};

}  // namespace

std::unique_ptr<LayerPress> per_head(Scorer scorer, const MethodSpec& method) {
  return std::make_unique<PerHead>(std::move(scorer), method);
}

}  // namespace kvcompare
