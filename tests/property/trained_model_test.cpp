// The tiled engine in 16 bits on trained models, which have attention sinks and peaked distributions; models
// with random weights have neither. stories260K lies in KVCOMPARE_TEST_ASSETS. KVCOMPARE_REAL_MODEL may name
// the folder of another Hugging Face model, with its tokenizer.json.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <c10/core/ScalarType.h>

#include "common/tokenizer/tokenizer.h"
#include "presses/registry.h"
#include "tests/property/forced_unit.h"
#include "tests/support/assets.h"
#include "tests/support/engines.h"
#include "tests/support/flags_and_chunks.h"
#include "tests/support/real_model.h"

namespace kvcompare {
namespace {

constexpr const char* kText =
    "One day, Tom and his little sister Anna went to the park near their house. They saw a big brown dog "
    "with a "
    "red ball. The dog ran to Anna and put the ball at her feet. \"Do you want to play with us?\" she "
    "asked. The "
    "dog wagged its tail. Tom threw the ball as far as he could, and the dog ran after it and brought it "
    "back. "
    "They played until the sun went down and their mother called them home for supper.";

// Stored in the type that is computed in, so that float64 reads the same weights.
std::optional<std::filesystem::path> stories260k_in_bfloat16() {
  const auto assets = test_assets();
  return assets ? std::optional(*assets / "models" / "stories260K-bf16-sharded") : std::nullopt;
}

std::optional<std::filesystem::path> stories260k_in_float16() {
  const auto assets = test_assets();
  return assets ? std::optional(*assets / "models" / "stories260K-f16-untied") : std::nullopt;
}

struct Trained {
  std::string name;
  std::optional<std::filesystem::path> (*folder)();
  const char* variable;  // names the folder
  at::ScalarType type;
  double nll_tolerance;  // relative
  double near_tie;       // see judge()
};

class TrainedModelIn16Bits : public testing::TestWithParam<Trained> {};

// As TiledEngineIn16Bits: float64 judges every event by the deaths before it, and the NLL is what float64
// makes of the same deaths.
TEST_P(TrainedModelIn16Bits, IsFloat64WithTheSameDeathsAndDecidesOtherwiseInNearTiesAlone) {
  const auto& param = GetParam();
  const auto folder = param.folder();
  if (!folder) GTEST_SKIP() << param.variable << " is not set";
  const auto exact = load_for_test(*folder, {}, at::kDouble);
  const auto loaded = load_for_test(*folder, {}, param.type);
  const Sample sample{SampleIndex(0), Tokenizer::load(*folder).encode(kText)};
  ASSERT_GT(std::ssize(sample.ids), 64);
  FlagsAndChunks run;
  for (const auto* name :
       {"baseline", "random", "streaming_llm", "expected_attention", "observed_attention", "knorm"}) {
    SCOPED_TRACE(name);
    const auto method = make_method_spec(*find_method(name), run);
    AllDeaths deaths;
    const auto observe = [&](LayerIndex, std::int64_t, std::span<const DeathTime> head) {
      deaths.emplace_back(head.begin(), head.end());
    };
    const auto actual = make_tiled_engine(*loaded.packed, loaded.resources(),
                                          {.chunk_size = 1, .n_threads = 2, .observe_deaths = observe})
                            ->run(sample, method);
    const auto forced = judge(exact, {&sample, &method}, {std::ssize(sample.ids), 1}, deaths, param.near_tie);
    const auto difference = std::abs(actual.numbers.total_nll - forced.total_nll) / forced.total_nll;
    EXPECT_LE(difference, param.nll_tolerance);
    std::printf(
        "%s %s: %zu tokens, NLL %.6f, float64 with the same deaths %.6f, relative difference %.1e; %lld of "
        "%lld "
        "events disputed\n",
        param.name.c_str(), name, sample.ids.size(), actual.numbers.total_nll, forced.total_nll, difference,
        static_cast<long long>(forced.n_disputed), static_cast<long long>(forced.n_events));
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, TrainedModelIn16Bits,
                         testing::Values(Trained{"stories260K_bfloat16", stories260k_in_bfloat16,
                                                 "KVCOMPARE_TEST_ASSETS", at::kBFloat16, 2e-3, 0.05},
                                         Trained{"stories260K_float16", stories260k_in_float16,
                                                 "KVCOMPARE_TEST_ASSETS", at::kHalf, 2e-4, 0.01},
                                         Trained{"real_model_bfloat16", real_model, "KVCOMPARE_REAL_MODEL",
                                                 at::kBFloat16, 2e-3, 0.05},
                                         Trained{"real_model_float16", real_model, "KVCOMPARE_REAL_MODEL",
                                                 at::kHalf, 2e-4, 0.01}),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace kvcompare
