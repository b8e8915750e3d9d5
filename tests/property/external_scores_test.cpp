// Scores that another program has computed, and the sink that is shown what layers see, in every engine.
#include "presses/methods/external_scores.h"

#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include "presses/layer_sink.h"
#include "presses/scorer.h"
#include "tests/property/engine_under_test.h"
#include "tests/property/random_model.h"
#include "tests/support/same_counts.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTokens = 70;  // more than a tile of the tiled engine

// Of few values, so that many keys tie; some infinite.
class DrawnScores : public ExternalScores {
 public:
  DrawnScores(std::mt19937_64& generator, std::int64_t n_layers, std::int64_t n_kv_heads)
      : scores_(at::empty({n_layers, n_kv_heads, kTokens}, at::kFloat)) {
    std::uniform_int_distribution<int> draw(-20, 20);
    auto* scores = scores_.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < scores_.numel(); ++i) {
      const int drawn = draw(generator);
      scores[i] = drawn == 20    ? std::numeric_limits<float>::infinity()
                  : drawn == -20 ? -std::numeric_limits<float>::infinity()
                                 : static_cast<float>(drawn) / 4;
    }
  }
  at::Tensor of_sample(SampleIndex sample) const override {
    EXPECT_EQ(sample, SampleIndex(3));
    return scores_;
  }

 private:
  at::Tensor scores_;
};

class Seen : public LayerSink {
 public:
  Needs needs() const override {
    return {.hidden = true, .raw_q = true, .raw_k = true, .q = true, .k = true, .v = true};
  }
  void take(const LayerView& tile) override {
    const std::scoped_lock lock(mutex_);
    const auto keep = [&](const char* name, const at::Tensor& x, std::int64_t token_dim) {
      parts_[{name, tile.layer.value}][tile.first_position] =
          x.transpose(0, token_dim).to(at::kCPU, at::kDouble, false, true);
    };
    keep("hidden", tile.hidden, 0);
    keep("raw_q", tile.raw_q, 1);
    keep("raw_k", tile.raw_k, 1);
    keep("q", tile.q, 1);
    keep("k", tile.k, 1);
    keep("v", tile.v, 1);
  }

  using Key = std::pair<std::string, std::int64_t>;  // tensor and layer
  std::map<Key, at::Tensor> whole() const {
    std::map<Key, at::Tensor> all;
    for (const auto& [key, parts] : parts_) {
      std::vector<at::Tensor> tensors;
      for (const auto& [first, part] : parts) tensors.push_back(part);
      all[key] = at::cat(tensors);
    }
    return all;
  }

 private:
  std::mutex mutex_;
  std::map<Key, std::map<std::int64_t, at::Tensor>> parts_;
};

class ExternalScoresIn : public testing::TestWithParam<EngineUnderTest> {
 protected:
  ExternalScoresIn() : generator_(property_seed()) {
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
    scores_.emplace("mine", std::make_unique<DrawnScores>(generator_, spec_.layers, spec_.kv_heads));
  }

  UnitResult run(const EngineUnderTest& engine, const MethodSpec& method, std::int64_t chunk_size,
                 LayerSink* sink = nullptr) const {
    ModelUnderTest model(scratch_.path(), engine);
    model.set_external(&scores_, sink);
    return model.engine(chunk_size)->run(sample_, method);
  }

  static std::vector<MethodSpec> policies() {
    std::vector<MethodSpec> specs;
    for (const auto* policy : {"ratio", "size", "threshold"}) {
      MethodFlags flags;
      flags.policy = policy;
      flags.compression_ratio = 0.6;
      flags.cache_size = 17;
      flags.threshold = 0.5;
      flags.sliding_window_size = 5;
      flags.protect_first = 2;
      flags.set("external_scores", "mine");
      specs.push_back(make_method_spec(*find_method("external"), flags));
    }
    return specs;
  }

  static double tolerance() {
    const auto type = GetParam().type;
    return type == at::kDouble ? 1e-10 : type == at::kFloat ? 1e-4 : 0.1;
  }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  TinyModelSpec spec_;
  Sample sample_;
  ScoresByPlace scores_;
};

// Who is evicted when does not depend on rounding: counts are equal in every number format.
TEST_P(ExternalScoresIn, EveryEngineEvictTheKeysThatAPrunedCacheLoses) {
  for (const auto& method : policies())
    for (const std::int64_t chunk_size : {std::int64_t{1}, std::int64_t{8}, kTokens}) {
      SCOPED_TRACE(std::to_string(method.policy.index()) + ", chunk size " + std::to_string(chunk_size));
      const auto exact = run({EngineKind::kStepwise, at::kDouble}, method, chunk_size);
      const auto result = run(GetParam(), method, chunk_size);
      expect_same_counts(result, exact);
      EXPECT_LT(result.numbers.keys.kept, result.numbers.keys.original);
      EXPECT_NEAR(result.numbers.total_nll, exact.numbers.total_nll, tolerance() * exact.numbers.total_nll);
    }
}

TEST_P(ExternalScoresIn, ASinkSeesEveryTokenOfEveryLayerAndChangesNoNumber) {
  const auto method = policies().front();
  Seen exactly, seen;
  const auto exact = run({EngineKind::kStepwise, at::kDouble}, method, 4, &exactly);
  const auto result = run(GetParam(), method, 4, &seen);
  const auto unseen = run(GetParam(), method, 4);
  expect_same_counts(result, exact);
  EXPECT_EQ(result.token_nll, unseen.token_nll);
  const auto whole = seen.whole();
  for (const auto& [key, expected] : exactly.whole()) {
    SCOPED_TRACE(key.first + " of layer " + std::to_string(key.second));
    ASSERT_TRUE(whole.contains(key));
    ASSERT_EQ(whole.at(key).sizes(), expected.sizes());
    EXPECT_EQ(expected.size(0), kTokens);
    // Single numbers of 16 bits may be further off: they are sums over a layer of 16 bits.
    EXPECT_LT((whole.at(key) - expected).norm().item<double>(), tolerance() * expected.norm().item<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, ExternalScoresIn, testing::ValuesIn(all_engines_under_test()),
                         [](const auto& param) { return param.param.name(); });

}  // namespace
}  // namespace kvcompare
