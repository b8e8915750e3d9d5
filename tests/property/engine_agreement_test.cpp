// The tiled engine against the stepwise one, which goes chunk by chunk with a cache that is really
// pruned and shares with them neither schedule, attention nor counting: every NLL, every count, and for every
// key the event at which it dies. Set KVCOMPARE_TEST_SEED to try other models and samples.
#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <c10/core/ScalarType.h>

#include "common/run/instance_name.h"
#include "presses/registry.h"
#include "tests/property/random_model.h"
#include "tests/support/engines.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/same_counts.h"
#include "tests/support/simd_targets.h"
#include "tests/support/temporary_folder.h"

namespace kvcompare {
namespace {

struct Compared {
  UnitResult result;
  AllDeaths deaths;
};

Compared run(EngineKind kind, const ModelForTest& loaded, std::int64_t chunk_size, const Sample& sample,
             const MethodSpec& method, const Protocol& protocol) {
  const auto& decoder = loaded.model->decoder();
  DeathCollector collector(decoder.n_layers(), heads_of(decoder).n_kv_heads,
                           chunking_of(std::ssize(sample.ids), sample.n_context, chunk_size, protocol));
  auto result = make_engine(kind, loaded, chunk_size, collector.observer(), protocol)->run(sample, method);
  return {std::move(result), collector.deaths()};
}

void expect_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0, std::abs(b[i]))) << "token " << i + 1;
}

// In float64: everything equal. kvzap under a ratio is left to samples without repeated tokens: equal tokens
// have equal scores in layer 0, which two engines' rounding may break in different ways (docs/semantics.md).
void expect_agreement(const ModelForTest& loaded, std::int64_t chunk_size, const Sample& sample,
                      const MethodSpec& method, const Protocol& protocol = {}) {
  const auto expected = run(EngineKind::kStepwise, loaded, chunk_size, sample, method, protocol);
  const auto actual = run(EngineKind::kTiled, loaded, chunk_size, sample, method, protocol);
  ASSERT_EQ(actual.deaths, expected.deaths);
  expect_close(actual.result.token_nll, expected.result.token_nll, 1e-9);
  expect_same_counts(actual.result, expected.result);
  EXPECT_EQ(actual.result.numbers.evidence, expected.result.numbers.evidence);
  EXPECT_EQ(broken_law(actual.result), std::nullopt);
}

class EngineAgreement : public testing::TestWithParam<std::int64_t> {  // query heads a KV head
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  EngineAgreement() : generator_(property_seed()) {}

  // kv_heads KV heads shared by `group` query heads each.
  void load(std::int64_t group) {
    spec_ = {
        .seed = generator_(), .vocab = 2048, .layers = 2, .heads = 2 * group, .kv_heads = 2, .head_dim = 8};
    spec_.hidden = spec_.heads * spec_.head_dim;
    write_tiny_model(scratch_.path(), spec_);
    loaded_ = load_for_test(scratch_.path(), scratch_.path() / "scorer", at::kDouble);
  }

  // No token twice.
  Sample sample(std::int64_t n_tokens) {
    std::vector<TokenId> ids(static_cast<std::size_t>(spec_.vocab));
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i);
    std::ranges::shuffle(ids, generator_);
    ids.resize(static_cast<std::size_t>(n_tokens));
    return {SampleIndex(7), ids};
  }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  TinyModelSpec spec_;
  ModelForTest loaded_;
};

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

bool has_threshold(const std::string& name) { return !find_method(name)->protects_latest; }

// Windows and partitions that matter in short samples.
void set_short_windows(MethodFlags& run) {
  run.set("window_size", 7);
  run.set("kernel_size", 3);
  run.set("lag_size", 9);
}

// Every method under both policies, around the borders of tiles and blocks.
TEST_P(EngineAgreement, OfEveryMethodPolicyAndChunkAtTheBordersOfBlocks) {
  const auto group = GetParam();
  load(group);
  for (const std::int64_t n_tokens : {2, 3, 127, 128, 129, 130})
    for (const std::int64_t chunk_size :
         {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{8}, std::int64_t{64}, n_tokens})
      for (const char* policy : {"ratio", "threshold"})
        for (const auto& name : kMethods) {
          // The smallest steps take longest: every length and every chunk, not every pair of both.
          if (chunk_size < 8 && n_tokens > 100 && (n_tokens + chunk_size + group) % 4 != 0) continue;
          if (policy == std::string("threshold") && !has_threshold(name)) continue;
          FlagsAndChunks run;
          run.chunk_size = chunk_size;
          run.policy = policy;
          run.sliding_window_size = 20;
          run.set("kvzap_n_sink", 2);
          set_short_windows(run);
          run.threshold = name == "knorm"                ? -2.5
                          : name == "keydiff"            ? -0.3
                          : name == "streaming_llm"      ? 60
                          : name == "random"             ? 0.5
                          : name == "kvzap"              ? 0
                          : name == "observed_attention" ? 0.02
                                                         : -4;
          SCOPED_TRACE(name + ", " + policy + ", chunk_size " + std::to_string(chunk_size) + ", T " +
                       std::to_string(n_tokens) + ", seed " + std::to_string(property_seed()));
          expect_agreement(loaded_, chunk_size, sample(n_tokens), make_method_spec(*find_method(name), run));
          if (HasFatalFailure()) return;
        }
}

TEST_P(EngineAgreement, OfALongSample) {
  const auto group = GetParam();
  load(group);
  const auto chunk_sizes = group == 1   ? std::vector<std::int64_t>{1, 8}
                           : group == 2 ? std::vector<std::int64_t>{64, 1000}
                           : group == 4 ? std::vector<std::int64_t>{2, 3}
                                        : std::vector<std::int64_t>{1, 64};
  for (const auto chunk_size : chunk_sizes)
    for (const auto& name : kMethods) {
      FlagsAndChunks run;
      run.chunk_size = chunk_size;
      run.threshold = 0;
      SCOPED_TRACE(name + ", chunk_size " + std::to_string(chunk_size));
      expect_agreement(loaded_, chunk_size, sample(1000), make_method_spec(*find_method(name), run));
      if (HasFatalFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Groups, EngineAgreement,
                         testing::Values(std::int64_t{1}, std::int64_t{2}, std::int64_t{4}, std::int64_t{7}),
                         [](const auto& param) { return std::to_string(param.param) + "_query_heads"; });

// Whether scores of different engines are the same in float32.
bool is_exact(const std::string& name) {
  return name == "baseline" || name == "random" || name == "streaming_llm" || name == "knorm" ||
         name == "kvzap";
}

// The kernels are compiled for every instruction set; here all that this machine can run, not only the best.
TEST(InstructionSets, AllAgree) {
  std::mt19937_64 generator(property_seed());
  const TemporaryFolder scratch;
  auto spec = random_model(generator);
  spec.vocab = 512;
  spec.head_dim = 20;  // no multiple of any vector
  spec.hidden = spec.heads * spec.head_dim;
  write_tiny_model(scratch.path(), spec);
  const auto loaded = load_for_test(scratch.path(), scratch.path() / "scorer", at::kDouble);
  const auto loaded_float = load_for_test(scratch.path(), scratch.path() / "scorer", at::kFloat);
  const Sample sample{SampleIndex(1), random_sample(generator, 140, spec.vocab)};
  FlagsAndChunks run;
  run.threshold = 0;
  run.sliding_window_size = 20;
  set_short_windows(run);
  on_every_simd_target([&] {
    for (const auto& name : kMethods) {
      SCOPED_TRACE(name);
      const auto method = make_method_spec(*find_method(name), run);
      expect_agreement(loaded, 1, sample, method);
      if (!is_exact(name)) continue;  // rounding may reorder float32 scores
      const auto exact = make_engine(EngineKind::kStepwise, loaded, 1)->run(sample, method).numbers.total_nll;
      EXPECT_NEAR(make_engine(EngineKind::kTiled, loaded_float, 1)->run(sample, method).numbers.total_nll,
                  exact, 1e-4 * exact);
    }
  });
}

// Any shape, any parameters, any length.
TEST(RandomAgreement, OfAnyModelMethodAndParameters) {
  at::set_num_threads(1);
  std::mt19937_64 generator(property_seed());
  const auto up_to = [&](std::uint64_t n) { return static_cast<std::int64_t>(generator() % n); };
  const TemporaryFolder scratch;
  for (int round = 0; round < 12; ++round) {
    auto spec = random_model(generator);
    spec.vocab = 512;
    write_tiny_model(scratch.path(), spec);
    const auto loaded = load_for_test(scratch.path(), scratch.path() / "scorer", at::kDouble);
    for (const auto& name : kMethods) {
      FlagsAndChunks run;
      run.chunk_size = 1 + up_to(up_to(2) == 0 ? 4 : 90);
      run.compression_ratio = static_cast<double>(up_to(95)) / 100;
      run.policy = name == "kvzap" || (up_to(3) == 0 && has_threshold(name)) ? "threshold" : "auto";
      run.threshold = name == "kvzap" ? 0 : name == "streaming_llm" ? 30 : -3;
      run.sliding_window_size = up_to(40);
      run.set("n_sink", up_to(9));
      run.set("kvzap_n_sink", up_to(4));
      run.set("n_future_positions", 1 + up_to(600));
      run.set("use_covariance", up_to(3) > 0);
      run.set("use_vnorm", up_to(3) > 0);
      run.set("seed", generator());
      run.set("recent_share", static_cast<double>(up_to(11)) / 10);
      run.set("window_size", 1 + up_to(40));
      run.set("kernel_size", 1 + up_to(8));
      run.set("lag_size", 1 + up_to(30));
      const Sample sample{SampleIndex(up_to(100)), random_sample(generator, 2 + up_to(200), spec.vocab)};
      SCOPED_TRACE(name + ", round " + std::to_string(round) + ", chunk_size " +
                   std::to_string(run.chunk_size) + ", T " + std::to_string(sample.ids.size()) +
                   ", KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()));
      expect_agreement(loaded, run.chunk_size, sample, make_method_spec(*find_method(name), run));
      if (HasFatalFailure()) return;
    }
  }
}

// Every method under every policy in each protocol, with contexts, chunks, protected positions and shared
// budgets at random.
TEST(RandomAgreement, OfAnyProtocolAndProtection) {
  at::set_num_threads(1);
  std::mt19937_64 generator(property_seed());
  const auto up_to = [&](std::int64_t n) {
    return static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(n));
  };
  const TemporaryFolder scratch;
  for (int round = 0; round < 6; ++round) {
    auto spec = random_model(generator);
    spec.vocab = 512;
    write_tiny_model(scratch.path(), spec);
    const auto loaded = load_for_test(scratch.path(), scratch.path() / "scorer", at::kDouble);
    for (const auto& name : kMethods)
      for (const char* policy : {"ratio", "size", "threshold"})
        for (const auto kind : {ProtocolKind::kDecode, ProtocolKind::kPrefill, ProtocolKind::kGenerate}) {
          if (name == "kvzap" && policy != std::string("threshold")) continue;  // as above
          if (policy == std::string("threshold") && !has_threshold(name)) continue;
          FlagsAndChunks run;
          run.chunk_size = 1 + up_to(up_to(2) == 0 ? 4 : 60);
          run.policy = policy;
          run.compression_ratio = static_cast<double>(up_to(95)) / 100;
          run.cache_size = 1 + up_to(80);
          run.threshold = name == "kvzap" ? 0 : name == "streaming_llm" ? 30 : -3;
          run.sliding_window_size = up_to(20);
          run.protect_first = up_to(2) * up_to(20);
          run.protect_last = up_to(2) * up_to(20);
          run.layer_budgets = up_to(2) == 0 ? "uniform" : "pyramid";
          run.pyramid_beta = static_cast<double>(1 + up_to(30));
          run.head_budgets = up_to(2) == 0 ? "uniform" : "adaptive";
          run.alpha_safeguard = static_cast<double>(up_to(11)) / 10;
          run.set("window_size", 1 + up_to(20));
          run.set("lag_size", 1 + up_to(12));
          Sample sample{SampleIndex(up_to(100)), random_sample(generator, 2 + up_to(150), spec.vocab)};
          sample.n_context = 1 + up_to(std::ssize(sample.ids));
          put_random_evidence(generator, sample);
          const Protocol protocol{kind, up_to(2) == 0 ? BudgetCounts::kAll : BudgetCounts::kGenerated};
          const auto method = make_method_spec(*find_method(name), run);
          SCOPED_TRACE(instance_name(method) + ", " + to_string(kind) + " with budgets of " +
                       to_string(protocol.budget_counts) + ", context " + std::to_string(*sample.n_context) +
                       " of " + std::to_string(sample.ids.size()) + ", chunk_size " +
                       std::to_string(run.chunk_size) +
                       ", KVCOMPARE_TEST_SEED=" + std::to_string(property_seed()));
          expect_agreement(loaded, run.chunk_size, sample, method, protocol);
          if (testing::Test::HasFatalFailure()) return;
        }
  }
}

// ---- laws of budgets and scorers, by which one instance must do what another does

class Laws : public testing::Test {
 protected:
  Laws() : generator_(property_seed()) {
    at::set_num_threads(1);
    RecordProperty("seed", std::to_string(property_seed()));
    set_short_windows(run_);
  }

  void load(std::int64_t kv_heads, std::int64_t layers = 3) {
    const TinyModelSpec spec{.seed = generator_(),
                             .vocab = 2048,
                             .hidden = 48,
                             .layers = layers,
                             .heads = 2 * kv_heads,
                             .kv_heads = kv_heads,
                             .head_dim = 8};
    write_tiny_model(scratch_.path(), spec);
    loaded_ = load_for_test(scratch_.path(), scratch_.path() / "scorer", at::kDouble);
    sample_ = {SampleIndex(2), random_sample(generator_, 150, spec.vocab)};
  }

  AllDeaths deaths(const std::string& name, const FlagsAndChunks& run, EngineKind kind) const {
    return kvcompare::run(kind, loaded_, run.chunk_size, sample_, make_method_spec(*find_method(name), run),
                          {})
        .deaths;
  }
  void expect_same(const std::string& a, const FlagsAndChunks& run_a, const std::string& b,
                   const FlagsAndChunks& run_b) const {
    for (const auto kind : {EngineKind::kStepwise, EngineKind::kTiled})
      EXPECT_EQ(deaths(a, run_a, kind), deaths(b, run_b, kind)) << a << " and " << b;
  }

  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  FlagsAndChunks run_;
  ModelForTest loaded_;
  Sample sample_;
};

TEST_F(Laws, AdaptiveHeadsOfOneKvHeadAreUniform) {
  load(1);
  run_.policy = "ratio";
  auto adaptive = run_;
  adaptive.head_budgets = "adaptive";
  for (const auto& name : kMethods) expect_same(name, adaptive, name, run_);
}

TEST_F(Laws, APyramidWithoutSlopeIsUniform) {
  load(2);
  run_.policy = "size";
  run_.cache_size = 23;
  auto flat = run_;
  flat.layer_budgets = "pyramid";
  flat.pyramid_beta = 1;
  for (const auto& name : kMethods) expect_same(name, flat, name, run_);
}

TEST_F(Laws, AdaptiveHeadsThatShareOneScoreAreUniform) {
  load(2);
  auto adaptive = run_;
  adaptive.head_budgets = "adaptive";
  for (run_.chunk_size = 1; run_.chunk_size < 20; run_.chunk_size += 6) {
    adaptive.chunk_size = run_.chunk_size;
    expect_same("tova", adaptive, "tova", run_);
  }
}

TEST_F(Laws, SnapKvWhoseWindowIsTheSampleKeepsTheMostRecent) {
  load(2);
  run_.set("n_sink", 0);
  run_.set("window_size", 150);
  expect_same("snapkv", run_, "streaming_llm", run_);
}

TEST_F(Laws, H2oThatProtectsItsBudgetIsStreamingLlmWithoutSinks) {
  load(2);
  run_.set("n_sink", 0);
  run_.set("recent_share", 1.0);
  for (const std::int64_t chunk_size : {1, 5}) {
    run_.chunk_size = chunk_size;
    expect_same("h2o", run_, "streaming_llm", run_);
  }
}

TEST_F(Laws, LowerLayersOfAPyramidKeepMore) {
  load(2);
  run_.layer_budgets = "pyramid";
  for (const auto& name : {"snapkv", "keydiff", "lagkv"}) {
    const auto method = make_method_spec(*find_method(name), run_);
    const auto kept =
        kvcompare::run(EngineKind::kTiled, loaded_, 1, sample_, method, {}).result.kept.per_head;
    EXPECT_GT(kept[0], kept[2]) << name;
    EXPECT_GT(kept[2], kept[4]) << name;
  }
}

}  // namespace
}  // namespace kvcompare
