// What must hold of an engine for every model, method and sample. Set KVCOMPARE_TEST_SEED to try others.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <c10/core/ScalarType.h>

#include "presses/registry.h"
#include "tests/property/engine_under_test.h"
#include "tests/property/random_model.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thorough.h"

namespace kvcompare {
namespace {

constexpr std::int64_t kTokens = 31;

// A run with parameters that bite in a sample this short.
FlagsAndChunks biting_run(std::int64_t chunk_size) {
  FlagsAndChunks run;
  run.chunk_size = chunk_size;
  run.sliding_window_size = 5;
  run.set("n_sink", 2);
  run.set("window_size", 3);
  run.set("lag_size", 3);
  return run;
}

// Of a size that tensor cores serve in 16 bits.
void has_head_of_tensor_cores(TinyModelSpec& spec) {
  spec.kv_heads = 1;
  spec.heads = 2;
  spec.head_dim = 64;
  spec.hidden = 48;
}

class EngineProperties : public testing::TestWithParam<std::tuple<std::string, EngineUnderTest>> {
 protected:
  EngineProperties() : seed_(property_seed()), generator_(seed_) {}

  static void SetUpTestSuite() { at::set_num_threads(1); }
  void SetUp() override { RecordProperty("seed", std::to_string(seed_)); }

  // Another random model, and a random sample for it.
  void next_round() {
    spec_ = random_model(generator_);
    const auto& engine = std::get<1>(GetParam());
    if (n_rounds_++ % 2 == 0 && engine.kind == EngineKind::kGpu) has_head_of_tensor_cores(spec_);
    const auto folder = scratch_.path() / std::to_string(n_rounds_);
    std::filesystem::create_directory(folder);
    write_tiny_model(folder, spec_);
    model_ = std::make_unique<ModelUnderTest>(folder, engine);
    sample_ = {SampleIndex(3), random_sample(generator_, kTokens, spec_.vocab)};
  }

  // Models a property is tried on: of the GPU engine, whose kernels may be emulated, one for tensor cores and
  // one for which there are none; of the others one, and three in float32 where all is tried.
  static int n_rounds() {
    const auto& engine = std::get<1>(GetParam());
    return engine.kind == EngineKind::kGpu ? 2 : engine.type == at::kFloat && is_thorough() ? 3 : 1;
  }

  std::string where(int round) const {
    return "KVCOMPARE_TEST_SEED=" + std::to_string(seed_) + ", round " + std::to_string(round);
  }

  std::unique_ptr<Engine> engine(std::int64_t chunk_size, AliveObserver observer = nullptr) const {
    return model_->engine(chunk_size, std::move(observer));
  }

  UnitResult evaluate(const FlagsAndChunks& run, const std::string& method) const {
    return engine(run.chunk_size)->run(sample_, make_method_spec(*find_method(method), run));
  }

  MethodSpec spec_of(const FlagsAndChunks& run) const {
    return make_method_spec(*find_method(method_name()), run);
  }
  UnitResult evaluate(const FlagsAndChunks& run) const { return evaluate(run, method_name()); }

  static const std::string& method_name() { return std::get<0>(GetParam()); }

  std::uint64_t seed_;
  std::mt19937_64 generator_;
  TemporaryFolder scratch_;
  TinyModelSpec spec_;
  std::unique_ptr<ModelUnderTest> model_;
  Sample sample_;
  int n_rounds_ = 0;
};

TEST_P(EngineProperties, IsTheBaselineWhereNoEvictionCanMatter) {
  for (int round = 0; round < n_rounds(); ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    FlagsAndChunks whole = biting_run(kTokens);
    EXPECT_EQ(evaluate(whole).token_nll, evaluate(whole, "baseline").token_nll) << "chunk_size = T";
    FlagsAndChunks keeping = biting_run(3);
    keeping.compression_ratio = 0;
    keeping.threshold = -1e300;
    const UnitResult kept = evaluate(keeping);
    EXPECT_EQ(kept.token_nll, evaluate(keeping, "baseline").token_nll) << "nothing to evict";
    EXPECT_EQ(kept.numbers.keys.kept, kept.numbers.keys.original);
    EXPECT_EQ(kept.numbers.keys.attended, kept.numbers.keys.attendable);
  }
}

TEST_P(EngineProperties, ChangesTheNllWhereItWithholdsKeys) {
  for (int round = 0; round < n_rounds(); ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    for (const std::int64_t chunk_size : {1, 7}) {
      const FlagsAndChunks run = biting_run(chunk_size);
      const UnitResult result = evaluate(run);
      EXPECT_LT(result.numbers.keys.kept, result.numbers.keys.original);
      EXPECT_GT(result.numbers.keys.withheld_from_scored, 0);
      EXPECT_NE(result.numbers.total_nll, evaluate(run, "baseline").numbers.total_nll)
          << "chunk_size " << chunk_size;
    }
  }
}

TEST_P(EngineProperties, WithholdsNothingFromTheScoredIfOnlyTheLastEventEvicts) {
  for (int round = 0; round < n_rounds(); ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    const FlagsAndChunks run =
        biting_run(kTokens - 1);  // the second chunk is the last token, whose NLL nobody asks for
    const UnitResult result = evaluate(run);
    EXPECT_EQ(result.numbers.keys.withheld_from_scored, 0);
    EXPECT_LT(result.numbers.keys.attended, result.numbers.keys.attendable);
    EXPECT_EQ(result.token_nll, evaluate(run, "baseline").token_nll);
  }
}

// Recounts everything from the keys that are alive after each event.
TEST_P(EngineProperties, CountsWhatWasAlive) {
  for (int round = 0; round < n_rounds(); ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    const FlagsAndChunks run = biting_run(4);
    std::map<std::int64_t, std::int64_t> alive_after;  // by n, all layers and heads
    std::vector<std::int64_t> last_kept;
    const auto observer = [&](LayerIndex, std::int64_t n, const std::vector<at::Tensor>& positions) {
      for (const auto& of_head : positions) {
        alive_after[n] += of_head.size(0);
        if (n == kTokens) last_kept.push_back(of_head.size(0));
      }
    };
    const UnitResult result = engine(run.chunk_size, observer)->run(sample_, spec_of(run));
    const std::int64_t n_heads = spec_.layers * spec_.kv_heads;
    std::int64_t attended = 0, attendable = 0, withheld_from_scored = 0, peak = 0;
    for (std::int64_t begin = 0; begin < kTokens; begin += run.chunk_size) {
      const std::int64_t end = std::min(begin + run.chunk_size, kTokens);
      const std::int64_t cached = begin == 0 ? 0 : alive_after.at(begin);
      for (std::int64_t i = begin; i < end; ++i) {
        attended += cached + n_heads * (i - begin + 1);
        attendable += n_heads * (i + 1);
        if (i != kTokens - 1) withheld_from_scored += n_heads * begin - cached;
      }
      peak = std::max(peak, cached + n_heads * (end - begin));
    }
    EXPECT_EQ(result.numbers.keys.original, kTokens * n_heads);
    EXPECT_EQ(result.kept.per_head, last_kept);
    EXPECT_EQ(result.numbers.keys.attended, attended);
    EXPECT_EQ(result.numbers.keys.attendable, attendable);
    EXPECT_EQ(result.numbers.keys.withheld_from_scored, withheld_from_scored);
    EXPECT_EQ(result.numbers.keys.peak, peak);
  }
}

TEST_P(EngineProperties, SumsAndCountsTheScoredTokensAlone) {
  for (int round = 0; round < n_rounds(); ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    const FlagsAndChunks run = biting_run(4);
    const UnitResult whole = evaluate(run);
    sample_.scored = {{1, 3}, {9, 10}, {17, kTokens}};
    sample_.scored_text = TextSize{.n_bytes = 50, .n_words = 9};
    std::map<std::int64_t, std::int64_t> alive_after;  // by n, all layers and heads
    const UnitResult result =
        engine(run.chunk_size, [&](LayerIndex, std::int64_t n, const std::vector<at::Tensor>& positions) {
          for (const auto& of_head : positions) alive_after[n] += of_head.size(0);
        })->run(sample_, spec_of(run));
    double total_nll = 0;
    std::int64_t n_scored = 0, withheld = 0;
    for (const auto& [begin, end] : sample_.scored)
      for (auto token = begin; token < end; ++token, ++n_scored) {
        total_nll += whole.token_nll[static_cast<std::size_t>(token - 1)];
        const auto first_of_chunk = (token - 1) / run.chunk_size * run.chunk_size;
        if (first_of_chunk > 0)
          withheld += spec_.layers * spec_.kv_heads * first_of_chunk - alive_after.at(first_of_chunk);
      }
    EXPECT_EQ(result.token_nll, whole.token_nll) << "all tokens, whatever is scored";
    EXPECT_EQ(result.numbers.total_nll, total_nll);
    EXPECT_EQ(result.numbers.n_scored(), n_scored);
    EXPECT_EQ(result.numbers.keys.withheld_from_scored, withheld);
    EXPECT_EQ(result.numbers.keys.attended, whole.numbers.keys.attended);
    EXPECT_EQ(result.scored, sample_.scored);
    EXPECT_EQ(result.numbers.scored_bytes, 50);
    EXPECT_EQ(result.numbers.scored_words, 9);
    EXPECT_EQ(broken_law(result), std::nullopt);
  }
}

TEST_P(EngineProperties, GivesTheSameBitsWhereEveryTokenIsNamed) {
  next_round();
  for (const std::int64_t chunk_size : {1, 7}) {
    const FlagsAndChunks run = biting_run(chunk_size);
    sample_.scored = {};
    const UnitResult unnamed = evaluate(run);
    sample_.scored = {{1, kTokens}};
    UnitResult named = evaluate(run);
    EXPECT_EQ(named.numbers.answers->spans, 1);
    named.numbers.answers->spans = 0;  // nobody has named it
    named.numbers.answers->spans_exact = 0;
    EXPECT_EQ(named.numbers, unnamed.numbers);
    EXPECT_EQ(named.token_nll, unnamed.token_nll);
    EXPECT_EQ(named.kept, unnamed.kept);
  }
}

std::vector<std::int64_t> values_of(const at::Tensor& positions) {
  const auto contiguous = positions.contiguous();
  return {contiguous.const_data_ptr<std::int64_t>(),
          contiguous.const_data_ptr<std::int64_t>() + contiguous.size(0)};
}

TEST_P(EngineProperties, NeverBringsAKeyBackAndNeverLosesASinkOrTheWindow) {
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    FlagsAndChunks run = biting_run(3);
    run.policy = round == 0 ? "auto" : round == 1 ? "ratio" : "threshold";
    if (round == 2 && find_method(method_name())->protects_latest) break;  // there is no such policy
    run.set("kvzap_n_sink", 1);
    run.compression_ratio = 0.9;
    run.threshold = 1e9;  // evicts all it may
    const MethodSpec method = spec_of(run);
    std::map<std::pair<std::int64_t, std::size_t>, std::vector<std::int64_t>> before;  // by layer and head
    int n_events = 0;
    const auto observer = [&](LayerIndex layer, std::int64_t n, const std::vector<at::Tensor>& positions) {
      for (std::size_t head = 0; head < positions.size(); ++head, ++n_events) {
        const auto now = values_of(positions[head]);
        auto& old = before[{layer.value, head}];
        for (std::int64_t j = (n - 1) / run.chunk_size * run.chunk_size; j < n; ++j) old.push_back(j);
        EXPECT_TRUE(std::ranges::is_sorted(now));
        EXPECT_TRUE(std::ranges::includes(old, now)) << testing::PrintToString(now);
        for (std::int64_t j = 0; j < std::min(n, sinks_of(method)); ++j)
          EXPECT_THAT(now, testing::Contains(j));
        if (std::holds_alternative<ScoreThreshold>(method.policy)) {
          for (std::int64_t j = std::max<std::int64_t>(0, n - run.sliding_window_size); j < n; ++j)
            EXPECT_THAT(now, testing::Contains(j));
        }
        old = now;
      }
    };
    engine(run.chunk_size, observer)->run(sample_, method);
    EXPECT_EQ(n_events, (kTokens + 2) / 3 * spec_.layers * spec_.kv_heads);
  }
}

TEST_P(EngineProperties, ATokenChangesNothingBeforeIt) {
  for (int round = 0; round < n_rounds(); ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    for (const std::int64_t chunk_size : {1, 5}) {
      const FlagsAndChunks run = biting_run(chunk_size);
      const UnitResult result = evaluate(run);
      const auto changed = 2 + static_cast<std::ptrdiff_t>(generator_() % (kTokens - 4));
      auto& token = sample_.ids[static_cast<std::size_t>(changed)];
      token = (token + 1) % spec_.vocab;
      const UnitResult other = evaluate(run);
      const auto nll = result.token_nll.begin(), other_nll = other.token_nll.begin();
      // token_nll[i] is of token i + 1, given those up to i.
      EXPECT_TRUE(std::equal(nll, nll + changed - 1, other_nll)) << "token " << changed;
      EXPECT_FALSE(std::equal(nll + changed - 1, result.token_nll.end(), other_nll + changed - 1));
    }
  }
}

TEST_P(EngineProperties, ASampleKnowsNothingOfThoseBeforeIt) {
  for (int round = 0; round < n_rounds(); ++round) {
    SCOPED_TRACE(where(round));
    next_round();
    const FlagsAndChunks run = biting_run(3);
    const UnitResult alone = evaluate(run);
    const auto shared = engine(run.chunk_size);
    for (const char* method : {"baseline", "expected_attention", "observed_attention", "kvzap"})
      shared->run({SampleIndex(0), random_sample(generator_, 17, spec_.vocab)},
                  make_method_spec(*find_method(method), run));
    const UnitResult after = shared->run(sample_, spec_of(run));
    EXPECT_EQ(after.token_nll, alone.token_nll);
    EXPECT_EQ(after.kept.per_head, alone.kept.per_head);
    EXPECT_EQ(after.numbers.keys.attended, alone.numbers.keys.attended);
  }
}

// Two units together, so that the share of the first is no share of all.
TEST_P(EngineProperties, TellsAfterEveryLayerOrChunkHowMuchIsDone) {
  next_round();
  const auto run = biting_run(7);
  const auto method = spec_of(run);
  const std::vector<EngineTask> tasks(2, EngineTask{&sample_, &method});
  const auto watched = engine(run.chunk_size);
  std::vector<double> shares;
  watched->observe_work([&](double share) { shares.push_back(share); });
  const auto outcomes = watched->run_together(tasks);
  const auto kind = std::get<1>(GetParam()).kind;
  const auto n_layers = static_cast<std::size_t>(spec_.layers);
  const auto n_chunks = static_cast<std::size_t>((kTokens + run.chunk_size - 1) / run.chunk_size);
  EXPECT_GE(shares.size(), kind == EngineKind::kStepwise ? 2 * n_chunks : n_layers + 1);
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_GT(shares.front(), 0);
  EXPECT_LT(shares.front(), 1);
  EXPECT_NEAR(shares.back(), 1, 1e-12);
  EXPECT_EQ(std::get<EngineResult>(outcomes.back()).unit.token_nll, evaluate(run).token_nll);
}

INSTANTIATE_TEST_SUITE_P(
    Methods, EngineProperties,
    testing::Combine(testing::Values("random", "streaming_llm", "expected_attention", "observed_attention",
                                     "kvzap", "knorm", "h2o", "tova", "snapkv", "keydiff", "lagkv"),
                     testing::ValuesIn(all_engines_under_test())),
    [](const auto& param) { return std::get<0>(param.param) + "_" + std::get<1>(param.param).name(); });

}  // namespace
}  // namespace kvcompare
