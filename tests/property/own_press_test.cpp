// What an engine does with a press that it has never met: every tensor that the press declares is the right
// one in every engine, what it does not declare is absent, and no engine computes it by another press's
// formula.
#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "common/errors.h"
#include "presses/policy/eviction.h"
#include "presses/policy/layer_press.h"
#include "presses/scorer.h"
#include "tests/property/engine_under_test.h"
#include "tests/property/random_model.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTokens = 70;  // more than a tile of the tiled engine

// What scorers of this file were shown, by name of the tensor and position of its first token.
using Shown = std::map<std::string, std::map<std::int64_t, at::Tensor>>;
Shown& shown() {
  static Shown of_this_run;
  return of_this_run;
}

// Scores keys by all that a fixed scorer may see, and keeps what it saw of layer 0.
class SeesAll : public FixedScorer {
 public:
  Needs needs() const override {
    return {.hidden = true, .raw_q = true, .raw_k = true, .q = true, .k = true, .v = true};
  }
  at::Tensor score(const LayerView& view) const override {
    const auto keep = [&](const char* name, const at::Tensor& x, std::int64_t token_dim) {
      if (view.layer.value != 0) return;
      EXPECT_EQ(x.size(token_dim), view.n_tokens) << name;
      shown()[name][view.first_position] = x.transpose(0, token_dim).to(at::kCPU, at::kDouble, false, true);
    };
    keep("hidden", view.hidden, 0);
    keep("raw_q", view.raw_q, 1);
    keep("raw_k", view.raw_k, 1);
    keep("q", view.q, 1);
    keep("k", view.k, 1);
    keep("v", view.v, 1);
    return (view.k.select(2, 0) + view.v.select(2, 1)).to(at::kDouble);
  }
};

// Declares k alone, and looks whether it gets anything else.
class SeesKeys : public FixedScorer {
 public:
  Needs needs() const override { return {.k = true}; }
  at::Tensor score(const LayerView& view) const override {
    EXPECT_TRUE(view.k.defined());
    for (const auto* x : {&view.hidden, &view.raw_q, &view.raw_k, &view.q, &view.v})
      EXPECT_FALSE(x->defined());
    return view.k.select(2, 0).to(at::kDouble);
  }
};

class NeedsAttention : public SeesKeys {
 public:
  Needs needs() const override { return {.k = true, .attention = true}; }
};

// Another formula than expected_attention's: the oldest keys win.
class SecondDrifting : public DriftingScorer {
 public:
  Needs needs() const override { return {.k = true}; }
  std::unique_ptr<Layer> start_layer() const override { return std::make_unique<OfLayer>(); }
  std::unique_ptr<Head> start_head(const WholeHead& head) const override {
    EXPECT_TRUE(head.k.defined());
    EXPECT_FALSE(head.raw_q.defined() || head.q.defined() || head.v.defined());
    return std::make_unique<OfHead>();
  }

 private:
  class OfLayer : public Layer {
    void append(const LayerView& tokens) override {
      EXPECT_TRUE(tokens.k.defined());
      EXPECT_FALSE(tokens.raw_q.defined() || tokens.hidden.defined());
    }
    at::Tensor score(std::int64_t /*n*/, std::int64_t /*head*/, const AliveKeys& alive) const override {
      EXPECT_TRUE(alive.k.defined());
      EXPECT_FALSE(alive.v.defined());
      return -alive.positions.to(at::kDouble);
    }
  };
  class OfHead : public Head {
    void start_events(std::span<const std::int64_t> /*n*/) override {}
    void start_keys(std::span<const std::int32_t> candidates) override {
      candidates_.assign(candidates.begin(), candidates.end());
    }
    void score(std::size_t /*event*/, std::span<const std::int32_t> alive,
               std::span<double> scores) override {
      for (std::size_t i = 0; i < alive.size(); ++i)
        scores[i] = -candidates_[static_cast<std::size_t>(alive[i])];
    }
    std::vector<std::int32_t> candidates_;
  };
};

// Another formula than observed_attention's: what was received, undivided.
class SecondObserving : public ObservingScorer {
 public:
  at::Tensor score(std::int64_t /*n*/, const at::Tensor& /*positions*/,
                   const at::Tensor& received) const override {
    return received.mean(0);
  }
  void score(std::int64_t /*n*/, std::span<const std::int32_t> /*positions*/,
             std::span<const double> received, std::span<double> scores) const override {
    std::ranges::copy(received, scores.begin());
  }
};

// What the last five queries gave.
class LastObserving : public SecondObserving {
  std::optional<std::int64_t> last_queries() const override { return 5; }
};

// ---- presses that decide for all heads of a layer together

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

// A schedule that decides a layer in one task.
class DecidesAtOnce : public DeathSchedule {
 public:
  explicit DecidesAtOnce(const UnitShape& unit) : unit_(unit) {}
  std::unique_ptr<Rounds> decide(const LayerView& layer, const LayerDeathTimes& deaths) override {
    return one_round(1, [this, layer, deaths](std::size_t) { decide_all(layer, deaths); });
  }

 protected:
  virtual void decide_all(const LayerView& layer, const LayerDeathTimes& deaths) const = 0;

  const UnitShape unit_;
};

// All heads share the budget 2 (n + 1) / 3 keys a head, by the first channel of the keys; a head keeps one at
// least. On a tie the earlier position stays, and of one position the lower head.
class SharedBudget : public LayerPress {
 public:
  PressNeeds needs() const override { return {.tile = {}, .layer = {.k = true}, .chunk = {.k = true}}; }
  std::unique_ptr<DeathSchedule> start_schedule(const UnitShape& unit) const override {
    return std::make_unique<Schedule>(unit);
  }
  std::unique_ptr<LayerEviction> start_eviction(const UnitShape&) const override {
    return std::make_unique<Eviction>();
  }

 private:
  struct Key {
    double score;
    std::int64_t position;
    std::int64_t kv_head;
  };

  // Those of `alive` that die at the event after n tokens.
  static std::vector<Key> dying(std::vector<Key> alive, std::int64_t n, std::int64_t n_kv_heads) {
    std::ranges::stable_sort(alive, [](const Key& a, const Key& b) {
      return std::tuple(-a.score, a.position, a.kv_head) < std::tuple(-b.score, b.position, b.kv_head);
    });
    std::vector<std::int64_t> n_left(index(n_kv_heads), 0);
    for (const auto& key : alive) ++n_left[index(key.kv_head)];
    auto n_over = std::ssize(alive) - n_kv_heads * (2 * (n + 1) / 3);
    std::vector<Key> dead;
    for (auto key = alive.rbegin(); key != alive.rend() && n_over > 0; ++key) {
      if (n_left[index(key->kv_head)] == 1) continue;
      --n_left[index(key->kv_head)];
      --n_over;
      dead.push_back(*key);
    }
    return dead;
  }

  class Schedule : public DecidesAtOnce {
   public:
    using DecidesAtOnce::DecidesAtOnce;
    void decide_all(const LayerView& layer, const LayerDeathTimes& deaths) const override {
      EXPECT_FALSE(layer.q.defined() || layer.v.defined());
      const auto scores = layer.k.select(2, 0).to(at::kDouble).contiguous();
      for (std::int64_t h = 0; h < deaths.n_kv_heads; ++h) std::ranges::fill(deaths.of_head(h), kNever);
      for (std::int64_t e = 0; e < unit_.chunking.n_events(); ++e) {
        const auto n = unit_.chunking.n_at(e);
        std::vector<Key> alive;
        for (std::int64_t h = 0; h < deaths.n_kv_heads; ++h)
          for (std::int64_t j = 0; j < n; ++j)
            if (deaths.of_head(h)[index(j)] == kNever) alive.push_back({scores[h][j].item<double>(), j, h});
        for (const auto& key : dying(std::move(alive), n, deaths.n_kv_heads))
          deaths.of_head(key.kv_head)[index(key.position)] = static_cast<DeathTime>(e);
      }
    }
  };

  class Eviction : public LayerEviction {
    std::vector<at::Tensor> evict(const Event& event, std::span<const AliveKeys> heads) override {
      std::vector<Key> alive;
      for (std::int64_t h = 0; h < std::ssize(heads); ++h)
        for (std::int64_t i = 0; i < heads[index(h)].positions.size(0); ++i)
          alive.push_back({heads[index(h)].k[i][0].to(at::kDouble).item<double>(),
                           heads[index(h)].positions[i].item<std::int64_t>(), h});
      std::vector<at::Tensor> kept;
      const auto dead = dying(std::move(alive), event.n, std::ssize(heads));
      for (std::int64_t h = 0; h < std::ssize(heads); ++h) {
        auto stays = at::ones_like(heads[index(h)].positions).to(at::kBool);
        for (const auto& key : dead)
          if (key.kv_head == h) stays.logical_and_(heads[index(h)].positions.ne(key.position));
        kept.push_back(stays.nonzero().squeeze(1));
      }
      return kept;
    }
  };
};

// Half of the keys stay, the same in all heads: those to which the last five queries of all heads gave most.
class LastQueries : public LayerPress {
 public:
  PressNeeds needs() const override {
    return {.tile = {}, .layer = {.q = true, .k = true}, .chunk = {.attention = true}};
  }
  std::unique_ptr<DeathSchedule> start_schedule(const UnitShape& unit) const override {
    return std::make_unique<Schedule>(unit);
  }
  std::unique_ptr<LayerEviction> start_eviction(const UnitShape& unit) const override {
    return std::make_unique<Eviction>(unit.n_kv_heads);
  }

 private:
  static constexpr std::size_t kQueries = 5;
  static at::Tensor survivors_of(const Event& event, const at::Tensor& positions, const at::Tensor& given) {
    return survivors(RatioBudget{0.5}, 0, event, positions, given);
  }

  class Schedule : public DecidesAtOnce {
   public:
    using DecidesAtOnce::DecidesAtOnce;
    void decide_all(const LayerView& layer, const LayerDeathTimes& deaths) const override {
      const auto group = unit_.n_heads / unit_.n_kv_heads;
      const auto k = layer.k.to(at::kDouble).repeat_interleave(group, 0);
      const auto scale = 1 / std::sqrt(static_cast<double>(k.size(2)));
      for (std::int64_t h = 0; h < deaths.n_kv_heads; ++h) std::ranges::fill(deaths.of_head(h), kNever);
      std::deque<at::Tensor> rows;  // of the last queries, [n_tokens], 0 for what is not seen
      auto alive = at::empty({0}, at::kLong);
      for (std::int64_t i = 0; i < layer.n_tokens; ++i) {
        alive = at::cat({alive, at::tensor({i}, at::kLong)});
        const auto q = layer.q.select(1, i).to(at::kDouble).unsqueeze(1);  // [n_heads, 1, d_head]
        const auto weights = (q.matmul(k.index_select(1, alive).transpose(1, 2)) * scale).softmax(-1);
        rows.push_back(
            at::zeros({layer.n_tokens}, at::kDouble).index_copy(0, alive, weights.sum(0).squeeze(0)));
        if (rows.size() > kQueries) rows.pop_front();
        const auto e = i / unit_.chunking.chunk_size;
        if (i + 1 != unit_.chunking.n_at(e)) continue;
        auto given = at::zeros({layer.n_tokens}, at::kDouble);
        for (const auto& row : rows) given = given + row;
        const auto kept =
            alive.index_select(0, survivors_of(unit_.chunking.event(e), alive, given.index_select(0, alive)));
        for (std::int64_t j = 0; j < alive.size(0); ++j) {
          const auto position = alive[j].item<std::int64_t>();
          if (kept.eq(position).any().item<bool>()) continue;
          for (std::int64_t h = 0; h < deaths.n_kv_heads; ++h)
            deaths.of_head(h)[index(position)] = static_cast<DeathTime>(e);
        }
        alive = kept;
      }
    }
  };

  class Eviction : public LayerEviction {
   public:
    explicit Eviction(std::int64_t n_kv_heads) : n_kv_heads_(n_kv_heads) {}
    void observe(std::int64_t kv_head, const at::Tensor& weights) override {
      const auto rows = weights.to(at::kDouble).sum(0);  // [chunk, n_alive]
      chunk_ = kv_head == 0 ? rows : chunk_ + rows;
      if (kv_head + 1 < n_kv_heads_) return;
      for (std::int64_t i = 0; i < chunk_.size(0); ++i) {
        rows_.push_back(chunk_[i]);
        if (rows_.size() > kQueries) rows_.pop_front();
      }
    }
    std::vector<at::Tensor> evict(const Event& event, std::span<const AliveKeys> heads) override {
      const auto& positions = heads.front().positions;
      auto given = at::zeros({positions.size(0)}, at::kDouble);
      for (const auto& row : rows_) given.narrow(0, 0, row.size(0)).add_(row);
      const auto kept = survivors_of(event, positions, given);
      for (auto& row : rows_) row = row.index_select(0, kept.masked_select(kept.lt(row.size(0))));
      return std::vector<at::Tensor>(heads.size(), kept);
    }

   private:
    const std::int64_t n_kv_heads_;
    at::Tensor chunk_;             // [chunk, n_alive], summed over heads so far
    std::deque<at::Tensor> rows_;  // of the last queries, [n_alive] when they were given, pruned since
  };
};

template <class Press>
std::unique_ptr<LayerPress> make_layer_press(const MethodSpec&, const ScorerResources&) {
  return std::make_unique<Press>();
}

DeviceSchedule on_host(const MethodSpec&) { return HostSchedule{}; }

template <class Press>
MethodDescription layer_press(std::string_view name) {
  return {.name = name, .display_name = name, .make_press = make_layer_press<Press>, .on_device = on_host};
}

template <class Press>
Scorer make(const MethodSpec&, const ScorerResources&) {
  return std::make_unique<Press>();
}

DeviceSchedule token_scores(const MethodSpec&) { return TokenScores{}; }

template <class Press>
MethodDescription press(std::string_view name, DeviceSchedule (*on_device)(const MethodSpec&) = nullptr) {
  return {.name = name, .display_name = name, .make = make<Press>, .on_device = on_device};
}

const std::array kOwn{press<SeesAll>("sees_all", token_scores),
                      press<SeesKeys>("sees_keys", token_scores),
                      press<NeedsAttention>("needs_attention", token_scores),
                      press<SecondDrifting>("second_drifting"),
                      press<SecondObserving>("second_observing"),
                      press<SecondDrifting>("drifting_on_host", on_host),
                      press<SecondObserving>("observing_on_host", on_host),
                      press<LastObserving>("last_observing", on_host),
                      press<SeesAll>("fixed_on_host", on_host),
                      layer_press<SharedBudget>("shared_budget"),
                      layer_press<LastQueries>("last_queries")};

class OwnPress : public testing::TestWithParam<EngineUnderTest> {
 protected:
  OwnPress() : generator_(property_seed()) {
    spec_ = {.arch = TinyArch::kQwen3,  // with norms of queries and keys
             .seed = generator_(),
             .vocab = 100,
             .hidden = 48,
             .layers = 2,
             .heads = 4,
             .kv_heads = 2,
             .head_dim = 8};
    write_tiny_model(scratch_.path(), spec_);
    sample_ = {SampleIndex(3), random_sample(generator_, kTokens, spec_.vocab)};
    shown().clear();
  }

  UnitResult run(const EngineUnderTest& engine, const std::string& name, std::int64_t chunk_size = 1) const {
    ModelUnderTest model(scratch_.path(), engine);
    model.set_more_methods(kOwn);
    return model.engine(chunk_size)->run(sample_, {name, name, RatioBudget{0.5}, {}});
  }

  // The exact reference: the stepwise engine in float64.
  UnitResult expected(const std::string& name) const {
    return run({EngineKind::kStepwise, at::kDouble}, name);
  }

  static double tolerance() {
    const auto type = GetParam().type;
    return type == at::kDouble ? 1e-10 : type == at::kFloat ? 1e-4 : 0.1;
  }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  TinyModelSpec spec_;
  Sample sample_;
};

at::Tensor joined(const std::map<std::int64_t, at::Tensor>& pieces) {
  std::vector<at::Tensor> all;
  for (const auto& [first, piece] : pieces) all.push_back(piece);
  return at::cat(all);
}

// In float32 at least deaths are those of float64, in 16 bits a near-tie may go the other way.
TEST_P(OwnPress, OfFixedScoresIsShownWhatItDeclaresInEveryEngine) {
  const auto exact = expected("sees_all");
  const auto exactly_shown = shown();
  shown().clear();
  const auto result = run(GetParam(), "sees_all");
  for (const char* name : {"hidden", "raw_q", "raw_k", "q", "k", "v"}) {
    const auto difference = joined(shown().at(name)) - joined(exactly_shown.at(name));
    EXPECT_LT(difference.abs().max().item<double>(), tolerance()) << name;
  }
  EXPECT_LT(result.numbers.keys.kept, result.numbers.keys.original);
  EXPECT_EQ(result.kept.per_head, exact.kept.per_head);
  EXPECT_NEAR(result.numbers.total_nll, exact.numbers.total_nll, tolerance() * exact.numbers.total_nll);
}

TEST_P(OwnPress, IsShownNothingThatItDoesNotDeclare) {
  const auto result = run(GetParam(), "sees_keys");
  EXPECT_NEAR(result.numbers.total_nll, expected("sees_keys").numbers.total_nll,
              tolerance() * result.numbers.total_nll);
}

TEST_P(OwnPress, IsRefusedWhereItNeedsWhatItsKindIsNotGiven) {
  try {
    run(GetParam(), "needs_attention");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(
        error.what(),
        "methods: the scorer of 'needs_attention' needs attention, which no engine gives to a scorer of "
        "its kind; a fixed scorer is given hidden, raw_q, raw_k, q, k and v");
  }
}

TEST_P(OwnPress, OfAKindThatTheGpuHasKernelsForIsNeverComputedByThem) {
  for (const std::string name : {"second_drifting", "second_observing"}) {
    if (GetParam().kind != EngineKind::kGpu) {
      const auto exact = expected(name);
      EXPECT_NEAR(run(GetParam(), name).numbers.total_nll, exact.numbers.total_nll,
                  tolerance() * exact.numbers.total_nll)
          << name;
      continue;
    }
    try {
      run(GetParam(), name);
      FAIL() << name;
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.what(), "methods: the layerwise engine on a GPU has no kernels for '" + name +
                                  "'; use --engine stepwise or --device cpu, or leave the method out");
    }
  }
}

// Every press, on the host where the engine is on a GPU, agrees with a cache that is really pruned.
TEST_P(OwnPress, ThatDecidesOnTheHostOrForAWholeLayerAgreesWithAPrunedCache) {
  for (const std::string name : {"drifting_on_host", "observing_on_host", "last_observing", "fixed_on_host",
                                 "shared_budget", "last_queries"}) {
    SCOPED_TRACE(name);
    for (const std::int64_t chunk_size : {1, 3}) {
      const auto exact = run({EngineKind::kStepwise, at::kDouble}, name, chunk_size);
      const auto result = run(GetParam(), name, chunk_size);
      EXPECT_LT(result.numbers.keys.kept, result.numbers.keys.original);
      if (GetParam().type == at::kDouble || GetParam().type == at::kFloat) {
        EXPECT_EQ(result.kept.per_head, exact.kept.per_head);
      }
      EXPECT_NEAR(result.numbers.total_nll, exact.numbers.total_nll, tolerance() * exact.numbers.total_nll);
    }
  }
}

TEST_P(OwnPress, ThatSharesABudgetKeepsMoreInOneHeadThanInAnother) {
  const auto kept = run(GetParam(), "shared_budget").kept.per_head;
  EXPECT_GT(std::ranges::max(kept), std::ranges::min(kept));
}

INSTANTIATE_TEST_SUITE_P(Engines, OwnPress, testing::ValuesIn(all_engines_under_test()),
                         [](const auto& param) { return param.param.name(); });

}  // namespace
}  // namespace kvcompare
