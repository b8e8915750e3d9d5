// The GPU engine with emulated kernels, on the CPU: the same answers as the stepwise engine in float64, and
// numbers that depend on nothing but the unit. Set KVCOMPARE_TEST_SEED to try other models and samples.
#include "worker/gpu_engine.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/ops/full_like.h>

#include "presses/registry.h"
#include "tests/property/random_model.h"
#include "tests/support/engines.h"
#include "tests/support/gpu_model.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

const std::vector<std::string> kMethods = {
    "baseline", "random", "streaming_llm", "expected_attention", "observed_attention", "knorm", "kvzap"};

struct Shape {
  std::int64_t heads, kv_heads, head_dim;
};

class GpuEngine : public testing::Test {
 protected:
  GpuEngine() : generator_(property_seed()) {
    RecordProperty("seed", std::to_string(property_seed()));
    run_.sliding_window_size = 20;
    run_.threshold = 0;
  }

  void make_model(const Shape& shape, TinyArch arch = TinyArch::kLlama) {
    spec_ = {.arch = arch,
             .seed = generator_(),
             .vocab = 300,
             .hidden = 48,  // of no shape heads times head_dim, so it is written down
             .layers = 2,
             .heads = shape.heads,
             .kv_heads = shape.kv_heads,
             .head_dim = shape.head_dim};
    folder_ = scratch_.path() / std::to_string(n_models_++);
    std::filesystem::create_directory(folder_);
    write_tiny_model(folder_, spec_);
  }

  Sample sample(std::int64_t n_tokens, std::int64_t index = 3) {
    return {SampleIndex(index), random_sample(generator_, n_tokens, spec_.vocab)};
  }

  MethodSpec method(const std::string& name) const { return make_method_spec(*find_method(name), run_); }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  std::filesystem::path folder_;
  TinyModelSpec spec_;
  RunSpec run_;
  int n_models_ = 0;
};

double share_of_equal(const AllDeaths& a, const AllDeaths& b) {
  std::size_t n = 0, equal = 0;
  for (std::size_t h = 0; h < a.size(); ++h)
    for (std::size_t j = 0; j < a[h].size(); ++j, ++n) equal += a[h][j] == b[h][j];
  return static_cast<double>(equal) / static_cast<double>(n);
}

TEST_F(GpuEngine, AgreesWithStepwiseInFloat32) {
  std::size_t shape_number = 0;
  for (const auto& shape : {Shape{4, 2, 16}, Shape{7, 1, 12}, Shape{3, 3, 64}})
    for (const auto arch : {TinyArch::kLlama, TinyArch::kQwen3}) {
      make_model(shape, arch);
      const auto exact = load_for_test(folder_, folder_ / "scorer", at::kDouble);
      const GpuModelForTest gpu(folder_, at::kFloat);
      for (const std::int64_t n_tokens : {2, 30, 70})
        for (const std::int64_t chunk_size : {std::int64_t{1}, std::int64_t{3}, std::int64_t{64}, n_tokens}) {
          if ((shape_number++ + static_cast<std::size_t>(chunk_size)) % 2 == 0)
            continue;  // half of them: time
          for (const auto& name : kMethods) {
            SCOPED_TRACE(name + ", T " + std::to_string(n_tokens) + ", chunk " + std::to_string(chunk_size) +
                         ", " + std::to_string(shape.heads) + " heads");
            const auto unit_sample = sample(n_tokens);
            const auto unit_method = method(name);
            const Chunking chunking{n_tokens, chunk_size};
            DeathCollector collector(spec_.layers, spec_.kv_heads, chunking);
            const auto expected = make_engine(EngineKind::kStepwise, exact, chunk_size, collector.observer())
                                      ->run(unit_sample, unit_method);
            AllDeaths deaths;
            const auto actual =
                gpu.engine({.chunk_size = chunk_size,
                            .observe_deaths =
                                [&](LayerIndex, std::int64_t, std::span<const DeathTime> head) {
                                  deaths.emplace_back(head.begin(), head.end());
                                }})
                    ->run(unit_sample, unit_method);
            EXPECT_EQ(share_of_equal(deaths, collector.deaths()), 1);
            ASSERT_EQ(actual.token_nll.size(), expected.token_nll.size());
            for (std::size_t t = 0; t < expected.token_nll.size(); ++t)
              ASSERT_NEAR(actual.token_nll[t], expected.token_nll[t], 1e-4) << t;
            EXPECT_NEAR(actual.total_nll, expected.total_nll, 1e-5 * expected.total_nll);
            EXPECT_EQ(actual.keys.attended, expected.keys.attended);
            EXPECT_EQ(actual.keys.peak, expected.keys.peak);
            EXPECT_EQ(actual.keys.kept_per_head, expected.keys.kept_per_head);
          }
        }
    }
}

// What is evicted does not depend on rounding under these, so neither do the numbers beyond that of bfloat16.
TEST_F(GpuEngine, AgreesWithStepwiseInHalfPrecisions) {
  for (const auto type : {at::kBFloat16, at::kHalf})
    for (const auto& shape : {Shape{4, 2, 64}, Shape{4, 1, 16}}) {
      make_model(shape);
      const auto exact = load_for_test(folder_, folder_ / "scorer", at::kDouble);
      const GpuModelForTest gpu(folder_, type);
      for (const std::string name : {"baseline", "random", "streaming_llm"}) {
        SCOPED_TRACE(name);
        const auto unit_sample = sample(80);
        const auto expected = make_engine(EngineKind::kStepwise, exact, 1)->run(unit_sample, method(name));
        const auto actual = gpu.engine({.chunk_size = 1})->run(unit_sample, method(name));
        EXPECT_NEAR(actual.total_nll, expected.total_nll, 2e-3 * expected.total_nll);
        EXPECT_EQ(actual.keys.attended, expected.keys.attended);
      }
    }
}

class GpuEngineUnits : public GpuEngine {
 protected:
  GpuEngineUnits() {
    make_model({4, 2, 16});
    for (const auto& name : kMethods) methods_.push_back(method(name));
    for (const std::int64_t n_tokens : {2, 50, 33})
      samples_.push_back(sample(n_tokens, std::ssize(samples_)));
    for (const auto& unit_sample : samples_)
      for (const auto& unit_method : methods_) tasks_.push_back({&unit_sample, &unit_method});
  }

  void expect_bitwise(std::size_t task, const EngineOutcome& outcome, const UnitResult& expected) const {
    SCOPED_TRACE(tasks_[task].method->name + ", sample " + std::to_string(tasks_[task].sample->index.value));
    const auto& result = std::get<UnitResult>(outcome);
    EXPECT_EQ(result.token_nll, expected.token_nll);
    EXPECT_EQ(result.keys.kept_per_head, expected.keys.kept_per_head);
    EXPECT_EQ(result.keys.attended, expected.keys.attended);
  }

  std::vector<MethodSpec> methods_;
  std::vector<Sample> samples_;
  std::vector<EngineTask> tasks_;
};

TEST_F(GpuEngineUnits, GiveTheSameBitsInAnyCompany) {
  const GpuModelForTest gpu(folder_, at::kFloat);
  std::vector<UnitResult> alone;
  for (const auto& task : tasks_) alone.push_back(gpu.engine({})->run(*task.sample, *task.method));
  for (const std::size_t n_units : {1, 2, 5}) {
    const auto outcomes = gpu.engine({.n_units = n_units})->run_together(tasks_);
    ASSERT_EQ(outcomes.size(), tasks_.size());
    for (std::size_t i = 0; i < tasks_.size(); ++i) expect_bitwise(i, outcomes[i], alone[i]);
  }
}

// As many together as the plan of a GPU says on which two units fit, or three.
TEST_F(GpuEngineUnits, FollowAMemoryPlan) {
  const GpuModelForTest gpu(folder_, at::kFloat);
  MemoryDemand demand;
  demand.config = read_model_config(folder_ / "config.json");
  demand.dtype = Dtype::kFloat32;
  constexpr std::int64_t kEnough = std::int64_t{1} << 40;
  const MemoryPlan roomy(demand, {kEnough, kEnough}, 1);
  const auto bytes =
      kEnough - roomy.bytes_for_units() + 3 * total(unit_memory(demand, methods_[1], 50, demand.n_rows));
  const MemoryPlan plan(demand, {bytes, bytes}, 1);
  ASSERT_GE(plan.n_together(tasks_), 2);
  ASSERT_LT(plan.n_together(tasks_), 8);
  const auto engine = gpu.engine({.plan = &plan, .methods = methods_});
  EXPECT_EQ(engine->n_tokens_at_once(), plan.n_tokens_at_once(methods_));
  const auto outcomes = engine->run_together(tasks_);
  ASSERT_EQ(outcomes.size(), tasks_.size());
  for (std::size_t i = 0; i < tasks_.size(); ++i)
    expect_bitwise(i, outcomes[i], gpu.engine({})->run(*tasks_[i].sample, *tasks_[i].method));
}

TEST_F(GpuEngineUnits, FailAlone) {
  GpuModelForTest gpu(folder_, at::kFloat);
  auto& bias = gpu.kvzap().layers[1].linears.back().bias;
  bias = at::full_like(bias, std::numeric_limits<float>::quiet_NaN());
  const auto outcomes = gpu.engine({.n_units = 3})->run_together(tasks_);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const bool judges =
        tasks_[i].method->name == "kvzap" && std::ssize(tasks_[i].sample->ids) > run_.sliding_window_size;
    EXPECT_EQ(std::holds_alternative<std::exception_ptr>(outcomes[i]), judges) << i;
    if (!judges) continue;
    EXPECT_THROW(std::rethrow_exception(std::get<std::exception_ptr>(outcomes[i])), std::domain_error);
  }
}

}  // namespace
}  // namespace kvcompare
