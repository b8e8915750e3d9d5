// Every engine against goldens of the oracle (regenerate.sh), a program that shares no code with this
// one.
#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <tuple>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <c10/core/ScalarType.h>

#include "presses/registry.h"
#include "tests/golden/golden_file.h"
#include "tests/support/assets.h"
#include "tests/support/engines.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thorough.h"
#include "tests/support/tiny_model.h"

namespace kvcompare {
namespace {

struct Precision {
  const char* name;
  at::ScalarType dtype;
  double nll_tolerance;  // relative
  double score_error;  // relative change of scores that rounding may make: nearer than that, nobody is right
};

void PrintTo(const Precision& precision, std::ostream* out) { *out << precision.name; }

constexpr Precision kFloat64 = {"float64", at::kDouble, 1e-9, 1e-13};
constexpr Precision kFloat32 = {"float32", at::kFloat, 1e-4, 1e-5};

std::filesystem::path golden_path(const std::string& model) {
  return std::filesystem::path(KVCOMPARE_GOLDEN_DIR) / (model + ".json");
}

bool is_near_tie(const GoldenSample& golden, const Precision& precision) {
  return golden.near_tie && *golden.near_tie <= precision.score_error;
}

double relative_difference(double ours, double golden) { return std::abs(ours - golden) / std::abs(golden); }

double moment_of(const std::vector<double>& token_nll) {
  double sum = 0;
  for (std::size_t t = 0; t < token_nll.size(); ++t) sum += static_cast<double>(t + 1) * token_nll[t];
  return sum;
}

// Those that depend on scores under a threshold; under a ratio on nothing but lengths.
bool counts_agree(const UnitResult& ours, const GoldenSample& golden) {
  const auto& keys = ours.numbers.keys;
  return ours.kept.per_head == golden.kept_per_head && keys.attended == golden.attended &&
         keys.compressible_kept == golden.compressible_kept && keys.peak == golden.peak;
}

void expect_counts(const UnitResult& ours, const GoldenSample& golden) {
  const auto& keys = ours.numbers.keys;
  EXPECT_EQ(ours.kept.per_head, golden.kept_per_head);
  EXPECT_EQ(keys.attended, golden.attended);
  EXPECT_EQ(keys.compressible_kept, golden.compressible_kept);
  EXPECT_EQ(keys.peak, golden.peak);
}

class OracleGolden : public testing::TestWithParam<std::tuple<std::string, Precision, EngineKind>> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  // Compares every case; the number of samples that were excused as near-ties.
  int compare_all(const ModelForTest& loaded, const GoldenFile& file,
                  const std::vector<std::vector<TokenId>>& samples) {
    int n_excused = 0;
    for (const GoldenCase& golden : file.cases) {
      SCOPED_TRACE(golden.method + " " + golden.flags);
      const auto engine =
          make_engine(std::get<2>(GetParam()), loaded, golden.run.chunk_size, nullptr, golden.run.protocol);
      const auto spec = make_method_spec(*find_method(golden.method), golden.run);
      for (const GoldenSample& sample : golden.samples) {
        SCOPED_TRACE("sample " + std::to_string(sample.sample.value));
        const auto& ids = samples.at(static_cast<std::size_t>(sample.sample.value));
        const Sample given{sample.sample, ids, {}, golden.run.n_context};
        n_excused += compare(engine->run(given, spec), sample, spec.policy) ? 0 : 1;
      }
    }
    return n_excused;
  }

  // False: differs, as it may in a near-tie.
  bool compare(const UnitResult& ours, const GoldenSample& golden, const EvictionPolicy& policy) {
    const Precision precision = std::get<1>(GetParam());
    EXPECT_EQ(ours.numbers.n_tokens, golden.n_tokens);
    EXPECT_EQ(ours.numbers.keys.attendable, golden.attendable);
    EXPECT_EQ(ours.numbers.keys.compressible, golden.compressible);
    const double difference = std::max(relative_difference(ours.numbers.total_nll, golden.total_nll),
                                       relative_difference(moment_of(ours.token_nll), golden.nll_moment));
    const bool agrees = difference <= precision.nll_tolerance && counts_agree(ours, golden);
    if (!agrees && is_near_tie(golden, precision)) {
      if (!std::holds_alternative<ScoreThreshold>(policy)) expect_counts(ours, golden);
      return false;
    }
    EXPECT_LE(difference, precision.nll_tolerance)
        << "total NLL " << ours.numbers.total_nll << ", oracle " << golden.total_nll << ", near-tie at "
        << golden.near_tie.value_or(INFINITY);
    expect_counts(ours, golden);
    return true;
  }
};

TEST_P(OracleGolden, AgreesInEveryNllAndCount) {
  const auto& [model, precision, engine] = GetParam();
  const GoldenFile file = read_golden_file(golden_path(model));
  // The gate has the stepwise engine read the longest samples in float64 alone.
  if (file.asset && engine == EngineKind::kStepwise && precision.dtype == at::kFloat && !is_thorough())
    GTEST_SKIP() << "with KVCOMPARE_THOROUGH=1";
  if (file.asset) KVCOMPARE_SKIP_WITHOUT_ASSETS();
  const TemporaryFolder scratch;
  ModelForTest loaded;
  std::vector<std::vector<TokenId>> samples;
  if (file.asset) {
    const auto& shape = file.asset->scorer;
    TinyModelSpec spec;
    std::tie(spec.layers, spec.kv_heads, spec.hidden) = std::tuple(shape.at(0), shape.at(1), shape.at(2));
    spec.seed = static_cast<std::uint64_t>(shape.at(3));
    ASSERT_EQ(write_tiny_scorer(scratch.path(), spec), file.weights);
    loaded = load_for_test(*test_assets() / file.asset->folder, scratch.path(), precision.dtype);
    samples = file.asset->ids;
  } else {
    const TinyModelSpec& spec = tiny_model_preset(file.preset.value_or(model));
    ASSERT_EQ(write_tiny_model(scratch.path(), spec), file.weights);
    loaded = load_for_test(scratch.path(), scratch.path() / "scorer", precision.dtype);
    samples = tiny_samples(spec);
  }
  const int n_excused = compare_all(loaded, file, samples);
  RecordProperty("near_ties_that_fell_otherwise", n_excused);
  EXPECT_LE(n_excused, std::ssize(file.cases) * 3 / 20)
      << "near-ties are rare: more than 1 sample in 20 is something else";
}

std::vector<std::string> models() {
  std::vector<std::string> names;
  for (const TinyModelPreset& preset : tiny_model_presets()) names.emplace_back(preset.name);
  names.insert(names.end(), {"stories260K", "stories260K-bf16-sharded", "stories260K-f16-untied",
                             "llama-protocols", "qwen3-protocols", "stories260K-protocols", "llama-budgets",
                             "mistral-budgets", "qwen2-budgets", "qwen3-budgets", "stories260K-budgets"});
  return names;
}

INSTANTIATE_TEST_SUITE_P(Models, OracleGolden,
                         testing::Combine(testing::ValuesIn(models()), testing::Values(kFloat64, kFloat32),
                                          testing::ValuesIn(kCpuEngines)),
                         [](const auto& param) {
                           std::string name = std::get<0>(param.param) + "_" + std::get<1>(param.param).name +
                                              "_" + name_of(std::get<2>(param.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace kvcompare
