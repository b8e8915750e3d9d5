#include "tests/property/forced_unit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include "common/run/method_parameters.h"
#include "tests/property/forced_scores.h"
#include "tests/unit/presses/schedule/naive_schedule.h"
#include "worker/model/cross_entropy.h"

namespace kvcompare {
namespace {

using Positions = std::vector<std::int64_t>;

// One event of one head.
struct Decision {
  std::int64_t n_previous, n;
  Positions alive, dying;
  std::vector<ScoreRange> scores;  // of the alive

  bool dies(std::int64_t j) const { return std::ranges::binary_search(dying, j); }
  // From the lowest to the highest score; sinks, which have none, are left out.
  double spread() const {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const auto& score : scores) {
      if (!std::isfinite(score.exact)) continue;
      low = std::min(low, score.exact);
      high = std::max(high, score.exact);
    }
    return std::max(0.0, high - low);
  }
};

void expect_lowest_die(const naive::Shape& shape, const Decision& decision, double slack) {
  const auto n_kept = std::ssize(decision.alive) - std::ssize(decision.dying);
  EXPECT_EQ(n_kept, std::min(std::ssize(decision.alive),
                             naive::budget(shape.policy, decision.n, shape.n_sink, shape.n_uncounted)));
  double dead = -std::numeric_limits<double>::infinity(), living = -dead;
  for (std::size_t i = 0; i < decision.alive.size(); ++i) {
    const auto j = decision.alive[i];
    if (j < shape.n_sink) continue;
    // The latest rank by their position, above all scores.
    const bool is_latest = j >= decision.n - shape.n_last;
    if (decision.dies(j))
      dead = std::max(dead, is_latest ? 1e9 + static_cast<double>(j) : decision.scores[i].low);
    else
      living = std::min(living, is_latest ? 1e9 + static_cast<double>(j) : decision.scores[i].high);
  }
  EXPECT_LE(dead, living + slack) << "a higher score died, a lower one did not";
}

void expect_below_die(const naive::Shape& shape, const Decision& decision, double slack) {
  const auto& policy = std::get<ScoreThreshold>(shape.policy);
  const auto window = std::max(policy.sliding_window_size, shape.n_last);
  const auto has_left = [&](std::int64_t j, std::int64_t n) { return j < n - window; };
  for (std::size_t i = 0; i < decision.alive.size(); ++i) {
    const auto j = decision.alive[i];
    const bool is_judged = j >= shape.n_sink && has_left(j, decision.n) && !has_left(j, decision.n_previous);
    if (decision.dies(j)) {
      EXPECT_TRUE(is_judged) << "position " << j;
      EXPECT_LT(decision.scores[i].low - slack, policy.threshold) << "position " << j;
    } else if (is_judged) {
      EXPECT_GE(decision.scores[i].high + slack, policy.threshold) << "position " << j;
    }
  }
}

// An event that can evict: others have no scores to ask for.
bool has_choice(const naive::Shape& shape, const Decision& decision) {
  if (std::holds_alternative<KeepAll>(shape.policy)) return false;
  if (const auto* threshold = std::get_if<ScoreThreshold>(&shape.policy))
    return decision.n - std::max(threshold->sliding_window_size, shape.n_last) > shape.n_sink;
  return std::ssize(decision.alive) >
         naive::budget(shape.policy, decision.n, shape.n_sink, shape.n_uncounted);
}

// slack: by how much scores may differ and still be a near-tie, beyond the rounding of float32.
void judge_decision(const naive::Shape& shape, const Decision& decision, double slack, ForcedUnit& unit) {
  for (const auto j : decision.dying) EXPECT_GE(j, shape.n_sink) << "a first position";
  std::vector<double> exact;
  for (const auto& score : decision.scores) exact.push_back(score.exact);
  unit.n_events += 1;
  auto dying = naive::dying(shape, decision.n_previous, decision.n, decision.alive, exact);
  std::ranges::sort(dying);
  unit.n_disputed += dying != decision.dying;
  if (std::holds_alternative<ScoreThreshold>(shape.policy))
    expect_below_die(shape, decision, slack);
  else
    expect_lowest_die(shape, decision, slack);
}

// What the definition says of the unit, apart from scores.
naive::Shape shape_of(const MethodSpec& method, const Chunking& chunking) {
  return {.policy = method.policy,
          .n_sink = std::max({sinks_of(method), method.protection.first, chunking.events_from}),
          .n_tokens = chunking.n_tokens,
          .chunk_size = chunking.chunk_size,
          .n_last = method.protection.last,
          .events_from = chunking.events_from,
          .events_until = chunking.events_until,
          .n_uncounted = chunking.n_uncounted};
}

void judge_head(const naive::Shape& shape, std::span<const DeathTime> deaths, const EventScores& scores_of,
                double near_tie, ForcedUnit& unit) {
  DeathTime event = 0;
  std::int64_t n_previous = 0;
  std::vector<Decision> decisions;
  double widest = 0;
  for (const auto n : naive::ends(shape)) {
    Decision decision{.n_previous = n_previous, .n = n, .alive = {}, .dying = {}, .scores = {}};
    for (std::int64_t j = 0; j < n; ++j) {
      const auto death = deaths[naive::size(j)];
      if (death >= event) decision.alive.push_back(j);
      if (death == event) decision.dying.push_back(j);
    }
    if (has_choice(shape, decision)) {
      decision.scores = scores_of(n, decision.alive);
      widest = std::max(widest, decision.spread());
      decisions.push_back(std::move(decision));
    } else {
      EXPECT_TRUE(decision.dying.empty()) << "event at " << n;
    }
    n_previous = n;
    ++event;
  }
  // Of two keys the spread at their own event is the very difference that is judged.
  for (const auto& decision : decisions) {
    SCOPED_TRACE("event at " + std::to_string(decision.n));
    judge_decision(shape, decision, near_tie * widest, unit);
    if (testing::Test::HasFailure()) return;
  }
}

// Layer by layer, with what a query sees given: [n_kv_heads, n_tokens, n_tokens].
class ForcedModel {
 public:
  ForcedModel(const ModelForTest& exact, const Sample& sample)
      : model_(*exact.model), sample_(sample), x_(model_.embed(sample.ids)) {}

  template <class Sees>
  ForcedLayer pass_layer(LayerIndex index, const Sees& sees) {
    ForcedLayer layer{
        .view = model_.project(index, {.sample = sample_.index, .n_sample_tokens = x_.size(0)}, x_),
        .weights = {}};
    const auto& view = layer.view;
    const auto of_queries = [&](const at::Tensor& heads) {
      return heads.repeat_interleave(view.q.size(0) / view.k.size(0), 0);
    };
    const auto scale = view.rule.scale.factor();
    layer.weights = (view.q.matmul(of_queries(view.k).transpose(1, 2)) * scale)
                        .masked_fill(of_queries(sees).logical_not(), -std::numeric_limits<double>::infinity())
                        .softmax(-1);
    x_ = model_.finish_layer(index, x_, layer.weights.matmul(of_queries(view.v)));
    return layer;
  }

  double total_nll() const {
    double total = 0;
    const auto n = std::ssize(sample_.ids);
    for (const double nll : cross_entropy(model_, x_.narrow(0, 0, n - 1), std::span(sample_.ids).subspan(1)))
      total += nll;
    return total;
  }

 private:
  const Model& model_;
  const Sample& sample_;
  at::Tensor x_;
};

at::Tensor what_queries_see(std::span<const std::vector<DeathTime>> deaths, const Chunking& chunking) {
  const auto n = chunking.n_tokens;
  std::vector<std::int64_t> until;
  for (const auto& head : deaths)
    for (const auto death : head) until.push_back(chunking.sees_until(death));
  const auto i = at::arange(n, at::kLong).view({1, n, 1}), j = at::arange(n, at::kLong).view({1, 1, n});
  return j.le(i) & i.lt(at::tensor(until, at::kLong).view({std::ssize(deaths), 1, n}));
}

// Tells `look` of every layer; returns the NLL.
template <class Look>
double pass_model(const ModelForTest& exact, const EngineTask& unit, const Chunking& chunking,
                  const AllDeaths& deaths, const Look& look) {
  const c10::InferenceMode no_autograd;
  const auto n_kv_heads = naive::size(heads_of(exact.model->decoder()).n_kv_heads);
  ForcedModel model(exact, *unit.sample);
  for (std::int64_t l = 0; l < exact.model->decoder().n_layers(); ++l) {
    const auto heads = std::span(deaths).subspan(naive::size(l) * n_kv_heads, n_kv_heads);
    look(LayerIndex(l), model.pass_layer(LayerIndex(l), what_queries_see(heads, chunking)));
  }
  return model.total_nll();
}

}  // namespace

ForcedUnit judge(const ModelForTest& exact, const EngineTask& unit, const Chunking& chunking,
                 const AllDeaths& deaths, double near_tie) {
  ForcedUnit forced;
  forced.total_nll = pass_model(exact, unit, chunking, deaths, [&](LayerIndex l, const ForcedLayer& layer) {
    const auto n_kv_heads = layer.view.k.size(0);
    if (std::holds_alternative<KeepAll>(unit.method->policy)) return;
    for (std::int64_t h = 0; h < n_kv_heads; ++h) {
      SCOPED_TRACE("layer " + std::to_string(l.value) + ", KV head " + std::to_string(h));
      judge_head(shape_of(*unit.method, chunking), deaths[naive::size(l.value * n_kv_heads + h)],
                 scores_of_head(layer, h, *unit.method, exact), near_tie, forced);
    }
  });
  return forced;
}

double total_nll(const ModelForTest& exact, const EngineTask& unit, const Chunking& chunking,
                 const AllDeaths& deaths) {
  return pass_model(exact, unit, chunking, deaths, [](LayerIndex, const ForcedLayer&) {});
}

double middle_score(const ModelForTest& exact, const EngineTask& unit) {
  const c10::InferenceMode no_autograd;
  const auto n = std::ssize(unit.sample->ids);
  const AllDeaths none(naive::size(heads_of(exact.model->decoder()).n_kv_heads),
                       std::vector<DeathTime>(naive::size(n), kNever));
  ForcedModel model(exact, *unit.sample);
  const auto layer = model.pass_layer(LayerIndex(0), what_queries_see(none, {n, 1}));
  Positions body;
  for (auto j = sinks_of(*unit.method); j < n; ++j) body.push_back(j);
  if (body.size() < 2) return 0;
  auto scores = scores_of_head(layer, 0, *unit.method, exact)(n, body);
  std::ranges::sort(scores, {}, &ScoreRange::exact);
  const auto middle = scores.size() / 2;  // no score itself, as far as they differ
  return (scores[middle - 1].exact + scores[middle].exact) / 2;
}

}  // namespace kvcompare
