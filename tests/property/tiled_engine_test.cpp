// What the tiled engine promises beyond the right numbers: they depend, bit for bit, on nothing but the unit
// itself. Set KVCOMPARE_TEST_SEED to try other models and samples.
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/full_like.h>
#include <c10/core/ScalarType.h>

#include "presses/registry.h"
#include "tests/property/forced_unit.h"
#include "tests/property/random_model.h"
#include "tests/support/engines.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/product_kinds.h"
#include "tests/support/simd_targets.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

const std::vector<std::string> kMethods = {"baseline",
                                           "random",
                                           "streaming_llm",
                                           "expected_attention",
                                           "observed_attention",
                                           "knorm",
                                           "kvzap",
                                           "h2o",
                                           "tova",
                                           "snapkv",
                                           "keydiff",
                                           "lagkv"};

// Whether the judge of forced deaths can score it.
bool is_judged(const MethodSpec& method) {
  constexpr std::array kUnjudged = {"h2o", "tova", "snapkv", "keydiff", "lagkv"};
  return std::ranges::find(kUnjudged, method.name) == kUnjudged.end() && method.shares == BudgetShares{};
}

class TiledEngine : public testing::Test {
 protected:
  TiledEngine() : generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
    spec_ = {.seed = generator_(),
             .vocab = 20000,
             .hidden = 64,
             .layers = 3,
             .heads = 8,
             .kv_heads = 2,
             .head_dim = 8};
    write_tiny_model(scratch_.path(), spec_);
    loaded_ = load(std::nullopt);
    run_.sliding_window_size = 20;
    run_.threshold = 0;
    run_.set("lag_size", 16);
    for (const auto& name : kMethods) methods_.push_back(make_method_spec(*find_method(name), run_));
    run_.head_budgets = "adaptive";
    for (const auto* name : {"random", "expected_attention", "snapkv"})
      methods_.push_back(make_method_spec(*find_method(name), run_));
    for (const std::int64_t n_tokens : {2, 300, 3, 64, 65, 129, 20})
      samples_.push_back(
          {SampleIndex(std::ssize(samples_)), random_sample(generator_, n_tokens, spec_.vocab)});
  }

  ModelForTest load(std::optional<std::int64_t> max_weight_memory) const {
    return load_for_test(scratch_.path(), scratch_.path() / "scorer", type_, max_weight_memory, products_);
  }

  std::unique_ptr<Engine> engine(const ModelForTest& loaded, int n_threads) const {
    return make_tiled_engine(*loaded.packed, loaded.resources(),
                             {.chunk_size = run_.chunk_size, .n_threads = n_threads});
  }

  std::vector<EngineTask> all_tasks() const {
    std::vector<EngineTask> tasks;
    for (const auto& sample : samples_)
      for (const auto& method : methods_) tasks.push_back({&sample, &method});
    return tasks;
  }

  // Every unit by itself, on one thread.
  std::vector<UnitResult> alone() const {
    std::vector<UnitResult> results;
    for (const auto& task : all_tasks())
      results.push_back(engine(loaded_, 1)->run(*task.sample, *task.method));
    return results;
  }

  void expect_bitwise(const std::vector<UnitResult>& expected,
                      const std::vector<EngineOutcome>& outcomes) const {
    ASSERT_EQ(outcomes.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      SCOPED_TRACE("sample " + std::to_string(i / methods_.size()) + ", " +
                   methods_[i % methods_.size()].name);
      const auto& result = std::get<EngineResult>(outcomes[i]).unit;
      EXPECT_EQ(result.token_nll, expected[i].token_nll);
      EXPECT_EQ(result.numbers.total_nll, expected[i].numbers.total_nll);
      EXPECT_EQ(result.kept.per_head, expected[i].kept.per_head);
      EXPECT_EQ(result.numbers.keys.attended, expected[i].numbers.keys.attended);
      EXPECT_EQ(result.numbers.keys.peak, expected[i].numbers.keys.peak);
    }
  }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  TinyModelSpec spec_;
  at::ScalarType type_ = at::kFloat;
  std::optional<ProductKind> products_;
  ModelForTest loaded_;
  FlagsAndChunks run_;
  std::vector<MethodSpec> methods_;
  std::vector<Sample> samples_;
};

TEST_F(TiledEngine, GivesAUnitTheSameBitsInAnyCompanyAndWithAnyNumberOfThreads) {
  const auto expected = alone();
  const auto tasks = all_tasks();
  for (const int n_threads : {1, 2, 3, 5, 7}) {
    SCOPED_TRACE(std::to_string(n_threads) + " threads");
    expect_bitwise(expected, engine(loaded_, n_threads)->run_together(tasks));
  }
}

TEST_F(TiledEngine, GivesTheSameBitsWhereverAUnitStandsInABatch) {
  auto tasks = all_tasks();
  const auto expected = alone();
  std::vector<std::size_t> order(tasks.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::shuffle(order, generator_);
  std::vector<EngineTask> shuffled;
  for (const auto i : order) shuffled.push_back(tasks[i]);
  auto outcomes = engine(loaded_, 2)->run_together(shuffled);
  std::vector<EngineOutcome> in_order(outcomes.size());
  for (std::size_t i = 0; i < order.size(); ++i) in_order[order[i]] = std::move(outcomes[i]);
  expect_bitwise(expected, in_order);
}

TEST_F(TiledEngine, GivesTheSameBitsFromWeightsThatAreReadLayerByLayer) {
  const auto streaming = load(std::int64_t{4} << 20);  // the head alone has 5 MiB, a block of it 1
  ASSERT_TRUE(streaming.packed->streams());
  ASSERT_FALSE(loaded_.packed->streams());
  const auto expected = alone();
  const auto streamed = engine(streaming, 2);
  expect_bitwise(expected, streamed->run_together(all_tasks()));
  expect_bitwise(expected, streamed->run_together(all_tasks()));  // from the first layer again
}

TEST_F(TiledEngine, SharesTheTimeOfABatchAmongItsUnits) {
  const auto outcomes = engine(loaded_, 2)->run_together(all_tasks());
  for (const auto& outcome : outcomes) EXPECT_GT(std::get<EngineResult>(outcome).unit.seconds, 0);
}

// A surrogate that gives NaN fails the units of kvzap, and no others.
TEST_F(TiledEngine, LetsAUnitFailAlone) {
  const auto expected = alone();
  auto& bias = loaded_.kvzap.begin()->second.layers[1].linears.back().bias;
  bias = at::full_like(bias, std::numeric_limits<float>::quiet_NaN());
  const auto outcomes = engine(loaded_, 2)->run_together(all_tasks());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& method = methods_[i % methods_.size()].name;
    const auto n_tokens = std::ssize(samples_[i / methods_.size()].ids);
    if (method == "kvzap" && n_tokens > run_.sliding_window_size) {
      ASSERT_TRUE(std::holds_alternative<std::exception_ptr>(outcomes[i])) << i;
      EXPECT_THROW(std::rethrow_exception(std::get<std::exception_ptr>(outcomes[i])), std::domain_error);
    } else {
      EXPECT_EQ(std::get<EngineResult>(outcomes[i]).unit.token_nll, expected[i].token_nll) << i;
    }
  }
}

TEST_F(TiledEngine, NamesTheInstructionSetThatItComputesWith) {
  on_every_simd_target([&] {
    const auto best = hwy::SupportedTargets() & -hwy::SupportedTargets();  // Highway's lowest bit
    EXPECT_EQ(engine(loaded_, 1)->instruction_set(), hwy::TargetName(best));
  });
}

// float32 against the stepwise engine in float64. Scores that rounding cannot move past one another: fixed by
// position or hash, or rounded.
TEST_F(TiledEngine, IsNearFloat64InFloat32) {
  const auto exact = load_for_test(scratch_.path(), scratch_.path() / "scorer", at::kDouble);
  for (const auto& sample : samples_)
    for (const auto& method : methods_) {
      if (method.name == "expected_attention" || method.name == "observed_attention" || !is_judged(method))
        continue;
      const auto expected =
          make_engine(EngineKind::kStepwise, exact, 1)->run(sample, method).numbers.total_nll;
      EXPECT_NEAR(engine(loaded_, 2)->run(sample, method).numbers.total_nll, expected,
                  1e-4 * std::abs(expected))
          << method.name;
    }
}

struct In16Bits {
  at::ScalarType type;
  ProductKind products;
  double nll_tolerance;  // relative, with the same deaths
  double near_tie;       // see judge()
};

class TiledEngineIn16Bits : public TiledEngine, public testing::WithParamInterface<In16Bits> {
 protected:
  TiledEngineIn16Bits() {
    type_ = GetParam().type;
    products_ = GetParam().products;
    spec_.storage = type_ == at::kHalf ? Storage::kF16 : Storage::kBF16;
    write_tiny_model(scratch_.path(), spec_);
    loaded_ = load(std::nullopt);
  }
  void SetUp() override {
    if (!this_machine_has(products_.value())) GTEST_SKIP() << "the processor has no AVX512-BF16";
  }
};

// Where a near-tie was decided the other way the engine has computed something else; so float64 judges every
// event by the deaths before it, and the NLL is what float64 makes of the same deaths.
TEST_P(TiledEngineIn16Bits, IsFloat64WithTheSameDeathsAndDecidesOtherwiseInNearTiesAlone) {
  const auto exact = load_for_test(scratch_.path(), scratch_.path() / "scorer", at::kDouble);
  for (const std::int64_t n_tokens : {2, 70, 150}) {
    const Sample sample{SampleIndex(4), random_sample(generator_, n_tokens, spec_.vocab)};
    for (const auto& method : methods_) {
      if (!is_judged(method)) continue;
      SCOPED_TRACE(method.name + ", T " + std::to_string(n_tokens) +
                   ", KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()));
      AllDeaths deaths;
      const auto observe = [&](LayerIndex, std::int64_t, std::span<const DeathTime> head) {
        deaths.emplace_back(head.begin(), head.end());
      };
      const auto actual = make_tiled_engine(*loaded_.packed, loaded_.resources(),
                                            {.chunk_size = 1, .n_threads = 1, .observe_deaths = observe})
                              ->run(sample, method);
      const auto forced =
          judge(exact, {&sample, &method}, {std::ssize(sample.ids), 1}, deaths, GetParam().near_tie);
      // One predicted token has all of its rounding; more of them make up for one another.
      const auto tolerance = (n_tokens == 2 ? 3 : 1) * GetParam().nll_tolerance;
      EXPECT_NEAR(actual.numbers.total_nll, forced.total_nll, tolerance * forced.total_nll);
      if (HasFailure()) return;
    }
  }
}

TEST_P(TiledEngineIn16Bits, GivesAUnitTheSameBitsWithAnyThreadsAndCompanyAndFromStreamedWeights) {
  const auto expected = alone();
  for (const int n_threads : {1, 3})
    expect_bitwise(expected, engine(loaded_, n_threads)->run_together(all_tasks()));
  const auto streaming = load(std::int64_t{2} << 20);  // the head alone has 2.5 MiB, a block of it 0.5
  ASSERT_TRUE(streaming.packed->streams());
  expect_bitwise(expected, engine(streaming, 2)->run_together(all_tasks()));
}

INSTANTIATE_TEST_SUITE_P(Products, TiledEngineIn16Bits,
                         testing::Values(In16Bits{at::kBFloat16, ProductKind::kPaired, 2e-3, 0.05},
                                         In16Bits{at::kBFloat16, ProductKind::kWidened, 2e-3, 0.05},
                                         In16Bits{at::kHalf, ProductKind::kWidened, 2e-4, 0.01}),
                         [](const auto& c) {
                           return std::string(c.param.type == at::kHalf ? "float16" : "bfloat16") + '_' +
                                  word_of(c.param.products);
                         });

}  // namespace
}  // namespace kvcompare
