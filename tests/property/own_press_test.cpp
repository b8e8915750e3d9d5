// What an engine does with a press that it has never met: every tensor that the press declares is the right
// one in every engine, what it does not declare is absent, and no engine computes it by another press's
// formula.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include "common/errors.h"
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
  std::unique_ptr<Layer> start_layer(const Rope& /*rope*/) const override {
    return std::make_unique<OfLayer>();
  }
  std::unique_ptr<Head> start_head(const Rope& /*rope*/, const WholeHead& head) const override {
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
    void start_block(std::span<const std::int64_t> /*n*/, std::span<const std::int32_t> candidates) override {
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

template <class Press>
Scorer make(const MethodSpec&, const ScorerResources&) {
  return std::make_unique<Press>();
}

DeviceSchedule token_scores(const MethodSpec&) { return TokenScores{}; }

template <class Press>
MethodDescription press(std::string_view name, DeviceSchedule (*on_device)(const MethodSpec&) = nullptr) {
  return {.name = name, .display_name = name, .make = make<Press>, .on_device = on_device};
}

const std::array kOwn{press<SeesAll>("sees_all", token_scores), press<SeesKeys>("sees_keys", token_scores),
                      press<NeedsAttention>("needs_attention", token_scores),
                      press<SecondDrifting>("second_drifting"), press<SecondObserving>("second_observing")};

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

  UnitResult run(const EngineUnderTest& engine, const std::string& name) const {
    ModelUnderTest model(scratch_.path(), engine);
    model.set_more_methods(kOwn);
    return model.engine(1)->run(sample_, {name, name, RatioBudget{0.5}, {}});
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
  EXPECT_LT(result.keys.kept(), result.keys.original);
  EXPECT_EQ(result.keys.kept_per_head, exact.keys.kept_per_head);
  EXPECT_NEAR(result.total_nll, exact.total_nll, tolerance() * exact.total_nll);
}

TEST_P(OwnPress, IsShownNothingThatItDoesNotDeclare) {
  const auto result = run(GetParam(), "sees_keys");
  EXPECT_NEAR(result.total_nll, expected("sees_keys").total_nll, tolerance() * result.total_nll);
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
      EXPECT_NEAR(run(GetParam(), name).total_nll, exact.total_nll, tolerance() * exact.total_nll) << name;
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

INSTANTIATE_TEST_SUITE_P(Engines, OwnPress, testing::ValuesIn(all_engines_under_test()),
                         [](const auto& param) { return param.param.name(); });

}  // namespace
}  // namespace kvcompare
