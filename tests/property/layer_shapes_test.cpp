// Decoders whose layers differ: in their windows, rotary embeddings, scales, MLPs, biases and norms. The
// engines are compared with each other, and with a dense forward that the tests write out.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "common/errors.h"
#include "presses/registry.h"
#include "tests/property/dense_decoder.h"
#include "tests/property/random_model.h"
#include "tests/support/engines.h"
#include "tests/support/error_of.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/gpu_model.h"
#include "tests/support/same_counts.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTokens = 37;
const std::vector<std::int64_t> kWindows{0, 7, 1, 20};

std::vector<std::string> all_methods() {
  std::vector<std::string> names;
  for (const auto& method : methods())
    if (flag_of_scores(method).empty()) names.emplace_back(method.name);  // external has no scores here
  return names;
}

MethodSpec biting(const std::string& method) {
  MethodFlags run;
  run.compression_ratio = 0.6;
  run.sliding_window_size = 5;
  run.set("n_sink", 2);
  return make_method_spec(*find_method(method), run);
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

double mean_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

class LayerShapes : public testing::Test {
 protected:
  LayerShapes() : generator_(property_seed()) { RecordProperty("seed", std::to_string(property_seed())); }
  static void SetUpTestSuite() { at::set_num_threads(1); }

  void make(const std::vector<std::int64_t>& windows, std::int64_t head_dim = 16) {
    seed_ = generator_();
    dense_ = std::make_unique<DenseDecoder>(uneven_decoder(windows, head_dim), seed_);
    folder_ = scratch_.path() / std::to_string(n_models_++);
    dense_->write(folder_);
    sample_ = {SampleIndex(3), random_sample(generator_, kTokens, dense_->decoder().vocab_size)};
  }

  ModelForTest load(at::ScalarType type) const {
    return load_for_test(folder_, dense_->decoder(), folder_ / "scorer", type);
  }

  std::vector<double> dense_nll(const AllDeaths& deaths = {}, std::int64_t chunk_size = 1) const {
    const c10::InferenceMode no_autograd;
    return dense_->token_nll(sample_.ids, deaths, {kTokens, chunk_size});
  }

  // What the change of a layer does to the NLL of a token, in the mean.
  template <class Change>
  double effect_of(Change change) const {
    const c10::InferenceMode no_autograd;
    auto decoder = dense_->decoder();
    change(decoder);
    const auto changed = DenseDecoder(decoder, seed_).token_nll(sample_.ids, {}, {kTokens, 1});
    return mean_difference(changed, dense_nll());
  }

  struct Run {
    UnitResult result;
    AllDeaths deaths;
  };
  Run run(EngineKind kind, const ModelForTest& loaded, std::int64_t chunk_size,
          const MethodSpec& method) const {
    const auto& decoder = dense_->decoder();
    DeathCollector collector(decoder.n_layers(), heads_of(decoder).n_kv_heads, {kTokens, chunk_size});
    auto result = make_engine(kind, loaded, chunk_size, collector.observer())->run(sample_, method);
    return {std::move(result), collector.deaths()};
  }
  Run run_on_gpu(const GpuModelForTest& gpu, std::int64_t chunk_size, const MethodSpec& method) const {
    AllDeaths deaths;
    const auto observe = [&](LayerIndex, std::int64_t, std::span<const DeathTime> of_head) {
      deaths.emplace_back(of_head.begin(), of_head.end());
    };
    auto result = gpu.engine({.chunk_size = chunk_size, .observe_deaths = observe})->run(sample_, method);
    return {std::move(result), std::move(deaths)};
  }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  int n_models_ = 0;
  std::uint64_t seed_ = 0;
  std::unique_ptr<DenseDecoder> dense_;
  std::filesystem::path folder_;
  Sample sample_;
};

TEST_F(LayerShapes, OfTheStepwiseAndTheTiledEngineGiveTheDenseForward) {
  for (const auto& windows :
       {kWindows, std::vector<std::int64_t>{0, 0, 0, 0}, {3, 3, 3, 3}, {36, 37, 38, 2}}) {
    make(windows);
    const auto loaded = load(at::kDouble);
    const auto expected = dense_nll();
    for (const auto kind : kCpuEngines)
      for (const std::int64_t chunk_size : {std::int64_t{1}, std::int64_t{5}, kTokens}) {
        SCOPED_TRACE(name_of(kind) + ", chunk_size " + std::to_string(chunk_size));
        const auto result = make_engine(kind, loaded, chunk_size)->run(sample_, biting("baseline"));
        EXPECT_LT(largest_difference(result.token_nll, expected), 1e-10);
      }
  }
}

// The dense forward is told who dies when, and by nothing else what a method is.
TEST_F(LayerShapes, GiveTheDenseForwardUnderEveryMethodsEvictions) {
  make(kWindows);
  const auto loaded = load(at::kDouble);
  for (const auto& name : all_methods())
    for (const std::int64_t chunk_size : {1, 4}) {
      SCOPED_TRACE(name + ", chunk_size " + std::to_string(chunk_size));
      const auto method = biting(name);
      const auto stepwise = run(EngineKind::kStepwise, loaded, chunk_size, method);
      const auto tiled = run(EngineKind::kTiled, loaded, chunk_size, method);
      EXPECT_EQ(tiled.deaths, stepwise.deaths);
      expect_same_counts(tiled.result, stepwise.result);
      const auto expected = dense_nll(stepwise.deaths, chunk_size);
      EXPECT_LT(largest_difference(stepwise.result.token_nll, expected), 1e-10);
      EXPECT_LT(largest_difference(tiled.result.token_nll, expected), 1e-10);
    }
}

TEST_F(LayerShapes, OfTheGpuEngineGiveTheDenseForwardUnderItsEvictions) {
  make(kWindows);
  const GpuModelForTest gpu(folder_, dense_->decoder(), at::kFloat);
  const auto loaded = load(at::kDouble);
  std::int64_t n_keys = 0, n_other_deaths = 0;
  for (const auto& name : all_methods())
    for (const std::int64_t chunk_size : {1, 4}) {
      SCOPED_TRACE(name + ", chunk_size " + std::to_string(chunk_size));
      const auto actual = run_on_gpu(gpu, chunk_size, biting(name));
      EXPECT_LT(largest_difference(actual.result.token_nll, dense_nll(actual.deaths, chunk_size)), 1e-4);
      const auto stepwise = run(EngineKind::kStepwise, loaded, chunk_size, biting(name));
      ASSERT_EQ(actual.deaths.size(), stepwise.deaths.size());
      for (std::size_t h = 0; h < actual.deaths.size(); ++h)
        for (std::size_t j = 0; j < actual.deaths[h].size(); ++j, ++n_keys)
          n_other_deaths += actual.deaths[h][j] != stepwise.deaths[h][j];
    }
  EXPECT_LE(n_other_deaths * 200, n_keys) << "more than scores that nearly tie can explain";
}

// By tensor cores, or by their emulation. An engine that forgot a scale or a window would be wrong by far
// more than rounding.
TEST_F(LayerShapes, OfTheGpuEngineGiveTheDenseForwardIn16Bits) {
  make({0, 9, 2, 20}, 64);
  const auto expected = dense_nll();
  const double of_scale = effect_of([](Decoder& d) { d.layers[1].scale = d.layers[0].scale; });
  const double of_window = effect_of([](Decoder& d) { d.layers[1].window.reset(); });
  const double of_position = effect_of([](Decoder& d) { d.ropes[1].query_scale = {}; });
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    const GpuModelForTest gpu(folder_, dense_->decoder(), type);
    const auto actual = run_on_gpu(gpu, 1, biting("baseline"));
    const double error = mean_difference(actual.result.token_nll, expected);
    SCOPED_TRACE(c10::toString(type));
    EXPECT_LT((type == at::kHalf ? 20 : 4) * error, std::min({of_scale, of_window, of_position}));
  }
}

TEST_F(LayerShapes, AreStreamedLayerByLayer) {
  make(kWindows);
  const auto method = biting("streaming_llm");
  const auto resident = load(at::kFloat);
  const auto expected = run(EngineKind::kTiled, resident, 1, method).result.token_nll;
  // Three times the largest layer's matrices: q and o 40 x 64 each, k and v 40 x 32 each, MLP 3 x 40 x 56.
  const std::int64_t enough = 3 * 4 * (2 * 40 * 64 + 2 * 40 * 32 + 3 * 40 * 56);
  const auto streamed = load_for_test(folder_, dense_->decoder(), folder_ / "scorer", at::kFloat, enough);
  ASSERT_TRUE(streamed.packed->streams());
  EXPECT_EQ(run(EngineKind::kTiled, streamed, 1, method).result.token_nll, expected);
  const GpuModelForTest gpu(folder_, dense_->decoder(), at::kFloat),
      gpu_streamed(folder_, dense_->decoder(), at::kFloat, {.max_bytes = std::int64_t{4} * 38000});
  ASSERT_TRUE(gpu_streamed.is_streamed());
  EXPECT_EQ(run_on_gpu(gpu_streamed, 1, method).result.token_nll,
            run_on_gpu(gpu, 1, method).result.token_nll);
}

// So that the tests above would see an engine that forgets one of them.
TEST_F(LayerShapes, AllChangeTheNll) {
  make(kWindows);
  EXPECT_GT(effect_of([](Decoder& d) { d.layers[1].window = 8; }), 1e-3);
  EXPECT_GT(effect_of([](Decoder& d) { d.layers[3].window.reset(); }), 1e-3);
  EXPECT_GT(effect_of([](Decoder& d) { d.layers[1].scale = {16}; }), 1e-3);
  EXPECT_GT(effect_of([](Decoder& d) { d.layers[1].rope = 0; }), 1e-3);
  EXPECT_GT(effect_of([](Decoder& d) { d.ropes[1].query_scale = {}; }), 1e-3);
}

TEST_F(LayerShapes, WithHeadsOfTheirOwnAreRefusedByName) {
  auto decoder = uneven_decoder(kWindows);
  EXPECT_EQ(heads_of(decoder).n_heads, 4);
  decoder.layers[2].heads.n_heads = 6;
  const auto error = error_of<ConfigError>([&] { heads_of(decoder); });
  EXPECT_EQ(error.key, "model_name");
  EXPECT_EQ(error.problem,
            "layer 2 of the model has 6 query heads, 2 KV heads and a head size of 16, layer 0 has 4 query "
            "heads, 2 KV heads and a head size of 16; kvcompare computes models whose layers have the same "
            "heads");
}

}  // namespace
}  // namespace kvcompare
